/**
 * The name of an actor. Ground floor: pure data; the host checks it when it is used.
 */

/** @typedef {ActorId | string | { kind: string, id: string }} ActorIdLike `"KIND/ID"`, or its two parts */

/** Who: the kind names the component that handles it, the id is the actor within its kind. */
export class ActorId {
  /**
   * @param {string} kind which component handles it, for example `counter`
   * @param {string} id which of that kind: any text of 1 to 256 bytes
   */
  constructor(kind, id) {
    this.kind = kind;
    this.id = id;
  }

  /**
   * Reads `KIND/ID`; text without a slash is a kind with an empty id, which the host refuses.
   * @param {ActorIdLike} actor
   * @returns {ActorId}
   */
  static from(actor) {
    if (typeof actor !== "string") return new ActorId(actor.kind, actor.id);
    const slash = actor.indexOf("/");
    return slash < 0 ? new ActorId(actor, "") : new ActorId(actor.slice(0, slash), actor.slice(slash + 1));
  }

  /** `KIND/ID` */
  toString() {
    return `${this.kind}/${this.id}`;
  }
}
