// The slider of a detector's page: what a threshold accuses and misses; without it there is a table.
(function () {
  const box = document.getElementById("threshold");
  const data = document.getElementById("threshold-scores");
  if (!box || !data) return;
  const scores = JSON.parse(data.textContent);
  const real = scores.filter((pair) => pair[1]).map((pair) => pair[0]);
  const fake = scores.filter((pair) => !pair[1]).map((pair) => pair[0]);
  const slider = box.querySelector("input");
  const percent = (part, all) => `${Math.round((100 * part) / Math.max(1, all))} % (${part} of ${all})`;
  const show = () => {
    const at = Number(slider.value);
    box.querySelector("output").textContent = at.toFixed(2);
    box.querySelector("[data-accused]").textContent = `Real photographs accused: ${percent(real.filter((score) => score < at).length, real.length)}.`;
    box.querySelector("[data-missed]").textContent = `AI images missed: ${percent(fake.filter((score) => score >= at).length, fake.length)}.`;
  };
  slider.addEventListener("input", show);
  box.hidden = false;
  show();
})();
