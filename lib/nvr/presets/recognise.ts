// Recognises the maker from the path of a pasted URL, and turns the path into a template for all channels and
// streams of that device.

import { asTemplate } from './account-in-path.js';
import { PRESETS, type Preset } from './makers.js';

export interface Recognised {
  readonly preset: Preset;
  /**
   * The pasted path, with placeholders for the channel and the stream. Its spelling and its other parameters
   * stay.
   */
  readonly template: string;
  /** From 1; undefined if the path names no channel. */
  readonly channel: number | undefined;
  readonly stream: 'main' | 'dual' | undefined;
}

const PLACEHOLDER = /\{(ch|stream)(?::(\d))?\}/;

/** The paths of MOBOTIX's recorders, as they are sent and as the manual prints them. */
const STYLES = [
  { style: 'move', form: /^\/(?:live|playback)\?ch=(\d{4}|%d)&stype=(?:[MD]|<D\/M>)(?:&pbkey=[^&]*)?$/i },
  { style: 'legacy', form: /^\/CH(\d{2})[MD]\/?$/i },
] as const;

interface RecognisedStyle {
  readonly style: 'move' | 'legacy';
  /** From 1; undefined if the path names no channel. */
  readonly channel: number | undefined;
}

/** Recognises the path of a MOBOTIX recorder, for which the settings have a URI style. */
export function recogniseStyle(path: string): RecognisedStyle | undefined {
  for (const { style, form } of STYLES) {
    const number = form.exec(path)?.[1];
    // These recorders count from 0.
    if (number !== undefined) return { style, channel: number === '%d' ? undefined : Number(number) + 1 };
  }
  return undefined;
}

/**
 * Recognises a URL's path and query, of live pictures or of a recording; undefined if no known maker uses it.
 * If several do, `port` prefers the maker with that port.
 */
export function recognise(path: string, port?: number): Recognised | undefined {
  const { template } = asTemplate(path);
  // Manuals write `rtsp://host:554//path` too, and servers may tell the two apart.
  const more = template.startsWith('//') ? '/' : '';
  const single = template.slice(more.length);
  const found = PRESETS.flatMap((preset) => {
    const match = matching(preset, preset.live, single) ?? recording(preset, single);
    return match === undefined ? [] : [{ ...match, template: more + match.template }];
  });
  return found.find(({ preset }) => preset.port === port) ?? found[0];
}

/** Recognises the path of a recording up to its times; the template is that of the live pictures. */
function recording(preset: Preset, path: string): Recognised | undefined {
  const camera = preset.playback.split('{start', 1)[0]!;
  if (camera === '') return undefined;
  const match = matching(preset, camera, path, /^\d/);
  return match === undefined ? undefined : { ...match, template: preset.live };
}

/**
 * `behind`: what may follow the form; by default parameters or a final slash, as anything else is another
 * path.
 */
function matching(
  preset: Preset,
  form: string,
  path: string,
  behind = /^\/?(?:[?&].*)?$/,
): Recognised | undefined {
  let rest = path;
  let template = '';
  let channel: number | undefined;
  let stream: 'main' | 'dual' | undefined;
  // Literals and placeholders alternate: literal, name, digits, literal, …
  const parts = form.split(PLACEHOLDER);
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
      const name = streamAt(rest, preset);
      if (name === undefined) return undefined;
      stream = name;
      template += '{stream}';
      rest = rest.slice(preset.codes[name].length);
    }
  }
  if (!behind.test(rest)) return undefined;
  return { preset, template: template + rest, channel, stream };
}

/**
 * The digits of the channel: all that follow, except those that the literal behind them needs (`1201` is
 * channel 12, then the literal `0`, then stream 1).
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
