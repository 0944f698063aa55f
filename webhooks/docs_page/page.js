// Fetches the description with the reader's token and hands both to Swagger UI. The token is kept nowhere but in this page.
"use strict";

const entry = document.getElementById("entry");
const field = document.getElementById("token");
const state = document.getElementById("state");
const home = new URL(".", document.baseURI).href.replace(/\/$/, "");

async function open(token) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  let answer;
  try {
    answer = await fetch("openapi.json", { headers, credentials: "omit", cache: "no-store" });
  } catch {
    state.textContent = "mailover cannot be reached.";
    return;
  }
  if (!answer.ok) {
    const why = { 401: "A token is needed to read on.", 403: "This token may not read.", 429: "Too many wrong tokens; wait a little." };
    state.textContent = why[answer.status] ?? `The description could not be read: ${answer.status}.`;
    field.focus();
    return;
  }
  show({ ...(await answer.json()), servers: [{ url: home }] }, token);
}

function show(spec, token) {
  const ui = SwaggerUIBundle({
    spec,
    dom_id: "#page",
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    tryItOutEnabled: true,
    validatorUrl: null,
    onComplete: () => token && ui.preauthorizeApiKey("bearer", token),
  });
  state.textContent = token ? "Calls are made with your token." : "No token is needed here; calls are made as they are.";
}

entry.addEventListener("submit", (event) => {
  event.preventDefault();
  open(field.value.trim());
});
open("");
