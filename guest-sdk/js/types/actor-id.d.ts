/**
 * The name of an actor. Ground floor: pure data; the host checks it when it is used.
 */
export type ActorIdLike = ActorId | string | {
    kind: string;
    id: string;
};
/** @typedef {ActorId | string | { kind: string, id: string }} ActorIdLike `"KIND/ID"`, or its two parts */
/** Who: the kind names the component that handles it, the id is the actor within its kind. */
export declare class ActorId {
    kind: string;
    id: string;
    /**
     * @param {string} kind which component handles it, for example `counter`
     * @param {string} id which of that kind: any text of 1 to 256 bytes
     */
    constructor(kind: string, id: string);
    /**
     * Reads `KIND/ID`; text without a slash is a kind with an empty id, which the host refuses.
     * @param {ActorIdLike} actor
     * @returns {ActorId}
     */
    static from(actor: ActorIdLike): ActorId;
    /** `KIND/ID` */
    toString(): string;
}
