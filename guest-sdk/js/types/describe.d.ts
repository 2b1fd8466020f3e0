/**
 * What an actor says about itself: its subjects, with examples.
 * Called by `component/exports.js` for the CLI and other readers; never part of a turn.
 * A schema here is what the example shows, no more: a field that no example has is not in it.
 */
export type Subject = {
    /**
     * what it does, in a sentence
     */
    about: string;
    /**
     * an example of a body that it understands, with every optional field filled
     */
    body?: unknown;
    /**
     * an example of a reply that it gives, with every optional field filled
     */
    reply?: unknown;
};
export type Description = {
    /**
     * what the actor is, in a sentence
     */
    about: string;
    /**
     * by name
     */
    subjects: Record<string, Subject>;
};
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
export declare function toJson({ about, subjects }: Description): string;
