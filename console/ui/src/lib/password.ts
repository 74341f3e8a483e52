/** The least length of a password; the server checks it too. */
export const passwordLength = 10;
