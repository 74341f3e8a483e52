import type { Messages } from "../serverText";

/** The server's messages, by their English templates (messages.json lists them). */
export default {} satisfies Messages as Messages;
