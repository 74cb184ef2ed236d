// Whose path a pasted URL has: what is known of the maker, and the path as a template for all of its channels
// and streams.

import { PRESETS, type Preset } from './makers.js';

export interface Recognised {
  readonly preset: Preset;
  /**
   * The pasted path itself, with placeholders where it names the channel and the stream: its spelling and
   * further parameters stay.
   */
  readonly template: string;
  /** From 1; undefined where the path names none. */
  readonly channel: number | undefined;
  readonly stream: 'main' | 'dual' | undefined;
}

const PLACEHOLDER = /\{(ch|stream)(?::(\d))?\}/;

/**
 * Path and query of a URL, by its maker; undefined: nobody's that is known. `port`, where it is no usual one,
 * prefers the maker that has it.
 */
export function recognise(path: string, port?: number): Recognised | undefined {
  const found = PRESETS.flatMap((preset) => {
    const match = matching(preset, path);
    return match === undefined ? [] : [match];
  });
  return found.find(({ preset }) => preset.port === port) ?? found[0];
}

function matching(preset: Preset, path: string): Recognised | undefined {
  let rest = path;
  let template = '';
  let channel: number | undefined;
  let stream: 'main' | 'dual' | undefined;
  // Literals and placeholders by turns: literal, name, digits, literal, …
  const parts = preset.live.split(PLACEHOLDER);
  for (let i = 0; i < parts.length; i += 3) {
    const literal = parts[i]!;
    if (rest.slice(0, literal.length).toLowerCase() !== literal.toLowerCase()) return undefined;
    template += rest.slice(0, literal.length);
    rest = rest.slice(literal.length);
    if (i + 1 >= parts.length) break;
    const digits = Number(parts[i + 2] ?? 1);
    if (parts[i + 1] === 'ch') {
      const number = channelAt(rest, digits, parts[i + 3] ?? '');
      if (number === undefined) return undefined;
      channel = Number(number) - preset.firstChannel + 1;
      if (channel < 1) return undefined;
      template += digits > 1 ? `{ch:${digits}}` : '{ch}';
      rest = rest.slice(number.length);
    } else {
      const known = streamAt(rest, preset);
      if (known === undefined) return undefined;
      stream = known;
      template += '{stream}';
      rest = rest.slice(preset.codes[known].length);
    }
  }
  // Parameters, or an end with a slash, may follow; more of a path is another path.
  if (!/^\/?(?:[?&].*)?$/.test(rest)) return undefined;
  return { preset, template: template + literally(rest), channel, stream };
}

/**
 * The channel's digits: as many as stand there, save those that the literal behind it needs (`1201` is
 * channel 12, `0`, stream 1).
 */
function channelAt(rest: string, digits: number, behind: string): string | undefined {
  const run = /^\d{1,6}/.exec(rest)?.[0] ?? '';
  const kept = /^\d+$/.test(behind) ? run.lastIndexOf(behind) : run.length;
  const number = run.slice(0, Math.max(0, kept));
  return number.length >= digits && number.length <= Math.max(4, digits) ? number : undefined;
}

function streamAt(rest: string, { codes }: Preset): 'main' | 'dual' | undefined {
  const fits = (code: string): boolean => rest.startsWith(code) && !/^\w/.test(rest.slice(code.length));
  if (fits(codes.main)) return 'main';
  return fits(codes.dual) ? 'dual' : undefined;
}

/** A path as a template that stands for itself alone. */
export function literally(path: string): string {
  return path.replace(/\{/g, '%7B').replace(/\}/g, '%7D');
}
