/** What the server's messages are in another language, by their English templates. */
export type Messages = Readonly<Record<string, string>>;
