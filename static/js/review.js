// Keys of the review queue press its buttons; without it the buttons are clicked.
(function () {
  const form = document.getElementById("review");
  if (!form) return;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.matches("input[type=text]")) return;
    const button = form.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
    if (button) { event.preventDefault(); form.requestSubmit(button); }
  });
})();
