// The API page: openapi.json as readable text.
import { byId, element } from "./dom.js";

function table(rows) {
  const cells = (row) => row.map((cell) => element("td", { textContent: cell }));
  return element("table", {}, ...rows.map((row) => element("tr", {}, ...cells(row))));
}

const section = (title, content) => [element("h3", { textContent: title }), content];

const code = (text) => element("pre", { textContent: text });

// Return an example of a schema: each leaf is its type, or the first of its allowed values.
function example(schema, schemas) {
  if (schema.$ref) return example(schemas[schema.$ref.split("/").pop()], schemas);
  if (schema.anyOf) return schema.anyOf.map((each) => (each.type === "array" ? "array" : example(each, schemas))).join(" or ");
  if (schema.type === "array") return [example(schema.items, schemas)];
  if (schema.type === "object") return Object.fromEntries(Object.entries(schema.properties).map(([name, each]) => [name, example(each, schemas)]));
  return schema.enum ? schema.enum[0] : [schema.type].flat().join(" or ");
}

const json = (schema, schemas) => code(JSON.stringify(example(schema, schemas), null, 2));

function parameter({ name, description, schema }) {
  const range = "minimum" in schema ? ` From ${schema.minimum} to ${schema.maximum}.` : "";
  return [name, `${description}${range} Default: ${schema.default}.`];
}

function operation(path, method, described, schemas) {
  const title = element("h2", {}, element("span", { textContent: method.toUpperCase() }), path);
  const article = element("article", {}, title, element("p", { textContent: `${described.summary}. ${described.description || ""}` }));
  const fields = described.requestBody?.content["multipart/form-data"].schema.properties;
  if (fields) {
    const [first] = Object.keys(fields);
    article.append(...section("Form fields", table(Object.entries(fields).map(([name, field]) => [name, field.description || ""]))));
    if (described.parameters) article.append(...section("Query parameters", table(described.parameters.map(parameter))));
    article.append(...section("Try it", code(`curl -F ${first}=@image.png ${new URL(`.${path}`, document.baseURI)}`)));
  }
  article.append(...section("Responses", table(Object.entries(described.responses).map(([status, each]) => [status, each.description]))));
  const body = described.responses["200"].content?.["application/json"];
  if (body) article.append(...section("Body of a 200 response", json(body.schema, schemas)));
  return article;
}

function errors(schemas) {
  const text = "Every error response has this body: code is for programs, message is for people.";
  const title = element("h2", { textContent: "Errors" });
  return element("article", {}, title, element("p", { textContent: text }), json(schemas.Error, schemas));
}

const { paths, components } = await (await fetch("openapi.json")).json();
for (const [path, methods] of Object.entries(paths))
  for (const [method, described] of Object.entries(methods)) byId("api").append(operation(path, method, described, components.schemas));
byId("api").append(errors(components.schemas));
