// The logger interface of lib/. The user of the library decides where the lines go. They never hold secrets.

export interface Logger {
  debug(line: string): void;
  warn(line: string): void;
}

export const silentLogger: Logger = {
  debug: () => undefined,
  warn: () => undefined,
};
