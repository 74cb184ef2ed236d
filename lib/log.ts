// The one logger interface of lib/: whoever uses the library decides where lines go. Lines never hold
// secrets.

export interface Logger {
  debug(line: string): void;
  warn(line: string): void;
}

export const silentLogger: Logger = {
  debug: () => undefined,
  warn: () => undefined,
};
