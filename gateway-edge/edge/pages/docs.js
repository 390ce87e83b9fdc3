// Starts Swagger UI on the document that the page names. A file of its own, because the page's
// policy allows no script inside it.
const api = document.getElementById("api");
SwaggerUIBundle({
  domNode: api,
  url: api.dataset.document,
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  validatorUrl: null,
});
