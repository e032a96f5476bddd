"use strict";

window.SwaggerUIBundle({
  url: "/api/v1/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  displayOperationId: true,
  filter: true,
  persistAuthorization: false,
  // The validator is another host's.
  validatorUrl: "none",
});
