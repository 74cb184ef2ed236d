// Decides whether a request may carry credentials; asked before each one that does.

/** Decides when credentials may be sent. A status of 401 is a refusal, any other an acceptance. */
export interface LoginGate {
  /** Rejects with EAUTH, without asking the server, while it is known to refuse them. */
  run<T extends { status: number }>(login: () => Promise<T>): Promise<T>;
}
