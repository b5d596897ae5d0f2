/** The bare connection that these tests use, and its replies as text. */

export { list, text } from '../write-commands/state.js';
export { Wire, type WireReply } from '../write-commands/wire.js';
