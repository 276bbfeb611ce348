// Around allauth's scripts: hides what this browser can't do, and says it when a key was not used.
(function () {
  document.addEventListener("DOMContentLoaded", () => {
    if (window.PublicKeyCredential) return;
    document.querySelectorAll("[data-passkeys]").forEach((element) => { element.hidden = true; });
  });
  document.addEventListener("allauth.error", (event) => {
    event.preventDefault();
    const place = document.querySelector("[data-passkey-trouble]");
    if (!place) return;
    place.hidden = false;
    place.textContent = window.PublicKeyCredential
      ? "The key was not used. Try again, or choose another way."
      : "This browser has no passkeys here: they need an address that begins with https.";
  });
})();
