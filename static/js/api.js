// The page on which the programming interface can be tried. Nothing is fetched from elsewhere: no validator, no fonts.
(function () {
  const root = document.documentElement;
  const follow = () => root.classList.toggle("dark-mode", root.dataset.bsTheme === "dark"); // Swagger UI's own word
  follow();
  new MutationObserver(follow).observe(root, { attributes: true, attributeFilter: ["data-bs-theme"] });
  const place = document.getElementById("api");
  window.SwaggerUIBundle({
    url: place.dataset.document,
    domNode: place,
    presets: [window.SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
    deepLinking: true,
    validatorUrl: null,
    persistAuthorization: false,
    defaultModelsExpandDepth: 0,
  });
})();
