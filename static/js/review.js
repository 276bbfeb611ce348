// Keys of the review queue press its buttons; without it the buttons are clicked.
(function () {
  const form = document.getElementById("review");
  if (!form) return;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.matches("input[type=text], select")) return;
    const key = { ArrowRight: "k", ArrowLeft: "u" }[event.key] || event.key.toLowerCase();
    const button = form.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (button) { event.preventDefault(); form.requestSubmit(button); }
  });
})();
