/**
 * What an actor says about itself: its subjects, with examples.
 * Called by `component/exports.js` for the CLI and other readers; never part of a turn.
 * A schema here is what the example shows, no more: a field that no example has is not in it.
 */

/**
 * @typedef {object} Subject
 * @property {string} about what it does, in a sentence
 * @property {unknown} [body] an example of a body that it understands, with every optional field filled
 * @property {unknown} [reply] an example of a reply that it gives, with every optional field filled
 */

/**
 * @typedef {object} Description
 * @property {string} about what the actor is, in a sentence
 * @property {Record<string, Subject>} subjects by name
 */

/**
 * As the component's `describe` gives it: `{about, subjects: [{subject, about, body, reply}]}`, where `body` and `reply`,
 * if the author gave one, are `{schema, example}`.
 * @param {Description} description
 * @returns {string}
 */
export function toJson({ about, subjects }) {
  const shownSubjects = Object.entries(subjects).map(([subject, { about, body, reply }]) => {
    return { subject, about, body: shown(body), reply: shown(reply) };
  });
  return JSON.stringify({ about, subjects: shownSubjects });
}

/**
 * Schema and example.
 * @param {unknown} example
 */
function shown(example) {
  return example === undefined ? undefined : { schema: schema(example), example };
}

/**
 * The JSON Schema that a value shows.
 * @param {unknown} value
 * @returns {object}
 */
function schema(value) {
  if (Array.isArray(value)) {
    return value.length === 0 ? { type: "array" } : { type: "array", items: schema(value[0]) };
  }
  switch (typeof value) {
    case "number":
      return { type: Number.isInteger(value) ? "integer" : "number" };
    case "boolean":
    case "string":
      return { type: typeof value };
    case "object": {
      if (value === null) return {};
      const properties = Object.entries(value).map(([name, field]) => [name, schema(field)]);
      return { type: "object", properties: Object.fromEntries(properties) };
    }
    default:
      return {};
  }
}
