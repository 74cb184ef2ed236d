// Pages without a browser: node view-readers.js <URL of the site> <pages> <cameras>. Each reads all of those
// cameras' main streams, and drops what comes.

import http from 'node:http';

const [url = '', pages = '1', cameras = '1'] = process.argv.slice(2);
const HEAD = 8;

function want(viewer: string): void {
  const wishes = Array.from({ length: Number(cameras) }, (_, camera) => ({
    camera,
    stream: 'main',
    as: 'video',
  }));
  const request = http.request(`${url}want`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
  });
  request.on('response', (response) => response.resume());
  request.end(JSON.stringify({ viewer, wishes }));
}

for (let page = 0; page < Number(pages); page++) {
  http.get(`${url}stream`, { agent: false }, (response) => {
    let head: Buffer | undefined = Buffer.alloc(0);
    response.on('data', (data: Buffer) => {
      if (head === undefined) return;
      head = Buffer.concat([head, data]);
      if (head.length < HEAD || head.length < HEAD + head.readUInt32BE(0)) return;
      const hello = head.toString('utf8', HEAD, HEAD + head.readUInt32BE(0));
      want((JSON.parse(hello) as { viewer: string }).viewer);
      head = undefined;
    });
  });
}
process.on('disconnect', () => process.exit());
