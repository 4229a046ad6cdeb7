const { openapi, callback } = document.currentScript.dataset;
SwaggerUIBundle({
  url: openapi,
  dom_id: "#swagger",
  deepLinking: true,
  oauth2RedirectUrl: new URL(callback, location.href).href,
});
