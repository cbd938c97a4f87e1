"use strict";

function make(tag, text, ...children) {
  const element = document.createElement(tag);
  if (text) element.textContent = text;
  element.append(...children);
  return element;
}

function table(rows) {
  return make("table", "", ...rows.map((cells) => make("tr", "", ...cells.map((cell) => make("td", cell)))));
}

function schemaText(schema, all) {
  if (schema.$ref) return schemaText(all[schema.$ref.split("/").pop()], all);
  if (schema.anyOf) return schema.anyOf.map((s) => (s.type === "array" ? "array" : schemaText(s, all))).join(" or ");
  if (schema.type === "array") return [schemaText(schema.items, all)];
  if (schema.type === "object") return Object.fromEntries(Object.entries(schema.properties).map(([k, v]) => [k, schemaText(v, all)]));
  return schema.enum ? schema.enum[0] : [schema.type].flat().join(" or ");
}

function operation(path, method, what, schemas) {
  const title = make("h2", "", make("span", method.toUpperCase()), path);
  const article = make("article", "", title, make("p", `${what.summary}. ${what.description || ""}`));
  const form = what.requestBody && what.requestBody.content["multipart/form-data"].schema.properties;
  if (form) {
    const field = Object.keys(form)[0];
    article.append(make("h3", "Form"), table(Object.entries(form).map(([name, s]) => [name, s.description || ""])));
    if (what.parameters) article.append(make("h3", "Query"), table(what.parameters.map((p) => [p.name, `${p.description} From ${p.schema.minimum} to ${p.schema.maximum}, ${p.schema.default} if not given.`])));
    article.append(make("h3", "Try it"), make("pre", `curl -F ${field}=@image.png ${location.origin}${path}`));
  }
  article.append(make("h3", "Answers"), table(Object.entries(what.responses).map(([status, r]) => [status, r.description])));
  const good = (what.responses["200"].content || {})["application/json"];
  if (good) article.append(make("h3", "Shape of 200"), make("pre", JSON.stringify(schemaText(good.schema, schemas), null, 2)));
  return article;
}

fetch("/openapi.json")
  .then((response) => response.json())
  .then((api) => {
    for (const [path, methods] of Object.entries(api.paths))
      for (const [method, what] of Object.entries(methods)) document.getElementById("api").append(operation(path, method, what, api.components.schemas));
    const error = make("article", "", make("h2", "Errors"), make("p", "Every refusal has the same shape; code is for programs, message for people."));
    error.append(make("pre", JSON.stringify(schemaText(api.components.schemas.Error, api.components.schemas), null, 2)));
    document.getElementById("api").append(error);
  });
