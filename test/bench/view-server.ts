// The live view's server in a process of its own: node view-server.js <RTSP port> <cameras>. A camera's main
// stream is the generator's first clip, its dual stream the second.

import { createRequire } from 'node:module';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import type * as NvrModule from '../../lib/nvr/nvr.js';
import type { HubSubscription } from '../../lib/nvr/types.js';
import type * as ViewModule from '../../lib/nvr/view/view.js';
import type { SiteRequest } from '../../nodes/shared/view/sites.js';
import type * as RecordingsModule from '../../nodes/shared/view/recordings.js';
import type * as SiteModule from '../../nodes/shared/view/view-site.js';
import { settingsFor } from '../kit/settings.js';

/** What is installed is measured: the built files. */
const built = (file: string): unknown => createRequire(__filename)(`../../dist/${file}`);
const { Nvr } = built('lib/nvr/nvr.js') as typeof NvrModule;
const { View } = built('lib/nvr/view/view.js') as typeof ViewModule;
const { Recordings } = built('nodes/shared/view/recordings.js') as typeof RecordingsModule;
const { viewSite } = built('nodes/shared/view/view-site.js') as typeof SiteModule;

/** What is asked of this process. */
export type Ask =
  | { readonly word: 'read'; readonly stream: 'main' | 'dual'; readonly cameras: number }
  | { readonly word: 'usage' }
  | { readonly word: 'sent' };

export interface Usage {
  /** User and system, of this process since it began. */
  readonly cpuMs: number;
  readonly rssMb: number;
}

/** A picture as the session gave it. */
export interface SentPicture {
  /** Its place in the clip. */
  readonly number: number;
  /** Epoch ms. */
  readonly at: number;
}

const [rtspPort = '0', count = '16'] = process.argv.slice(2);
const nvr = new Nvr(
  settingsFor(Number(rtspPort), {
    uriStyle: 'custom',
    liveTemplate: '/clip/{stream}',
    streamCodes: { main: '0', dual: '1' },
    linger: 60,
  }),
);
const cameras = Array.from({ length: Number(count) }, (_, index) => ({
  channel: index + 1,
  name: `Camera ${index + 1}`,
}));
const view = new View({
  cameras,
  maxViewers: 64,
  hub: (channel, stream) => nvr.camera(channel, stream),
  still: () => () => Promise.reject(new Error('no stills here')),
  onViewers: () => undefined,
});
const site = viewSite({
  view,
  cameras,
  origins: [],
  hello: { layout: 'auto', stream: 'dual', sound: false },
  still: () => Promise.reject(new Error('no stills here')),
  recordings: new Recordings(nvr, cameras, () => []),
});
/** A page that has the element and shows none yet. */
const EMPTY =
  '<!doctype html><title>Empty</title><style>nvr-video{height:100vh}</style><script src="/view/nvr-video.js"></script><body></body>';

/** By stream and camera. */
const sent: Record<string, SentPicture[]> = {};
let reading: HubSubscription[] = [];

/** Reads the first `cameras`, and notes when each picture came. */
function read(stream: string, howMany: number): void {
  for (const one of reading) one.unsubscribe();
  reading = cameras.slice(0, howMany).map(({ channel }) => {
    let number: number | undefined;
    const list = (sent[`${stream}/${channel}`] ??= []);
    return nvr.camera(channel, stream).subscribe({
      onUnit: (unit) => {
        if (unit.kind !== 'video') return;
        number = unit.keyframe ? 0 : number === undefined ? undefined : number + 1;
        if (number === undefined) return;
        list.push({ number, at: performance.timeOrigin + performance.now() });
        if (list.length > 5_000) list.splice(0, 1_000);
      },
      onEvent: () => undefined,
    });
  });
}

function answer(ask: Ask): unknown {
  switch (ask.word) {
    case 'read':
      read(ask.stream, ask.cameras);
      return true;
    case 'sent':
      return sent;
    case 'usage': {
      globalThis.gc?.();
      const { user, system } = process.cpuUsage();
      const usage: Usage = {
        cpuMs: (user + system) / 1000,
        rssMb: process.memoryUsage.rss() / 1024 / 1024,
      };
      return usage;
    }
  }
}

const server = http.createServer((request, response) => {
  const [path = '/'] = request.url!.split('?');
  if (path === '/empty') {
    response.writeHead(200, { 'Content-Type': 'text/html' }).end(EMPTY);
    return;
  }
  if (path === '/now') {
    response.end(String(performance.timeOrigin + performance.now()));
    return;
  }
  const asked: SiteRequest = Object.assign(request, { path });
  site(asked, response, path.slice('/view'.length));
});
server.listen(0, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
process.on('message', (ask: Ask) => process.send?.({ answer: answer(ask) }));
process.on('disconnect', () => process.exit());
