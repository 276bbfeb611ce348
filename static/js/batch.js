// The polled part of a batch's page keeps what was unfolded.
(function () {
  const unfolded = () => [...document.querySelectorAll("#batch details")].map((one) => one.open);
  let before = [];
  document.addEventListener("htmx:beforeSwap", () => { before = unfolded(); });
  document.addEventListener("htmx:afterSwap", () => {
    document.querySelectorAll("#batch details").forEach((one, place) => { one.open = before[place] || false; });
  });
})();
