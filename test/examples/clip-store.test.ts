import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { FunctionNode, functionNode, type Msg } from './function-node.js';

const LIBS = { crypto, fs, http, https };
const CLIP = crypto.randomBytes(300_000);
const SHA256 = crypto.createHash('sha256').update(CLIP).digest('hex');

describe('the store of example 16', () => {
  let folder: string;
  let file: string;
  const servers: net.Server[] = [];

  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-store-'));
    file = path.join(folder, '140200.mp4');
    fs.writeFileSync(file, CLIP);
  });

  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  async function listen(server: net.Server): Promise<string> {
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  interface Put {
    readonly request: http.IncomingMessage;
    readonly body: Buffer;
  }

  function store(puts: Put[], status = 200, answer = ''): http.Server {
    return http.createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        puts.push({ request, body: Buffer.concat(parts) });
        response.writeHead(status).end(answer);
      });
    });
  }

  async function upload(
    env: Readonly<Record<string, string>>,
    changes: object = {},
  ): Promise<{ answer: Msg | null; errors: readonly string[] }> {
    const node = new FunctionNode(functionNode('16', 'clips to a store'), { env, libs: LIBS });
    const clip = { file, bytes: CLIP.length, sha256: SHA256, start: 1, end: 2, coverage: 1, ...changes };
    const answer = await node.wait({ topic: 'upload', job: 'gate 7', files: [clip] });
    return { answer, errors: node.errors };
  }

  it('puts a clip with its length, and answers with its address instead of the path', async () => {
    const puts: Put[] = [];
    const url = await listen(store(puts, 201));
    const account = { CLIPS_KEY: 'user', CLIPS_SECRET: 'top-secret' };
    const { answer } = await upload({ CLIPS_URL: `${url}/clips/`, ...account });
    const [{ request, body }] = puts as [Put];
    assert.deepEqual({ method: request.method, url: request.url }, { method: 'PUT', url: '/clips/gate%207-140200.mp4' });
    assert.equal(request.headers['content-length'], String(CLIP.length));
    assert.equal(request.headers['transfer-encoding'], undefined);
    assert.equal(request.headers['content-type'], 'video/mp4');
    const basic = `Basic ${Buffer.from('user:top-secret').toString('base64')}`;
    assert.equal(request.headers.authorization, basic);
    assert.ok(body.equals(CLIP));
    const sent = { bytes: CLIP.length, sha256: SHA256, start: 1, end: 2, coverage: 1 };
    const files = [{ url: `${url}/clips/gate%207-140200.mp4`, ...sent }];
    assert.deepEqual(answer, { topic: 'uploaded', job: 'gate 7', files });
    assert.equal(fs.existsSync(file), false, 'the worker’s disk does not fill');
  });

  it('signs as Amazon’s own library does', async () => {
    const asked: { href: string; headers: Readonly<Record<string, unknown>> }[] = [];
    const request = ({ href }: URL, { headers }: { headers: Readonly<Record<string, unknown>> }): never => {
      asked.push({ href, headers });
      throw new Error('enough');
    };
    const env = {
      ...{ CLIPS_URL: 'http://store:9000/clips', CLIPS_REGION: 'eu-west-1' },
      ...{ CLIPS_KEY: 'KEY', CLIPS_SECRET: 'SECRET' },
    };
    const now = (): number => Date.UTC(2026, 10, 27, 14, 2);
    const libs = { ...LIBS, http: { request } };
    const node = new FunctionNode(functionNode('16', 'clips to a store'), { env, now, libs });
    const files = [{ file: '/a/140200.mp4', bytes: 1, sha256: 'a'.repeat(64) }];
    await node.wait({ topic: 'upload', job: 'gate 7', files });
    const [{ href, headers }] = asked as [(typeof asked)[0]];
    assert.equal(href, 'http://store:9000/clips/gate%207-140200.mp4');
    assert.equal(headers['x-amz-content-sha256'], 'a'.repeat(64));
    // By botocore's S3SigV4Auth for the same request.
    assert.equal(
      headers.authorization,
      'AWS4-HMAC-SHA256 Credential=KEY/20261127/eu-west-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=e03442a770fd23207f55ff34884f0a44a77b6db150e19c93a3143d2246517c9f',
    );
  });

  for (const [status, answer, told] of [
    [403, '<Error><Code>SignatureDoesNotMatch</Code></Error>', 'it answers 403 SignatureDoesNotMatch'],
    [507, '', 'it answers 507'],
    [301, '', 'it answers 301'],
    [500, 'x'.repeat(1_000_000), 'it answers 500'],
  ] as const)
    it(`fails where the store answers ${status}, and keeps the clip`, async () => {
      const url = await listen(store([], status, answer));
      const account = { CLIPS_KEY: 'user', CLIPS_SECRET: 'top-secret', CLIPS_REGION: 'eu-west-1' };
      const done = await upload({ CLIPS_URL: url.replace('//', '//me:other-secret@'), ...account });
      assert.equal(done.answer, null);
      assert.deepEqual(done.errors, [`The clip of job gate 7 is not in the store: ${told}`]);
      assert.equal(fs.existsSync(file), true);
    });

  it('fails where the store hangs up, is not there, or has no address', async () => {
    const url = await listen(net.createServer((socket) => socket.destroy()));
    for (const address of [url, 'http://127.0.0.1:1/clips', 'no address']) {
      const { answer, errors } = await upload({ CLIPS_URL: address });
      assert.equal(answer, null);
      assert.match(errors[0]!, /is not in the store: \S/);
    }
    assert.equal(fs.existsSync(file), true);
  });

  it('fails where the store says yes before it has the clip', async () => {
    fs.writeFileSync(file, Buffer.alloc(20_000_000));
    const hasty = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        socket.pause();
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      });
    });
    const { answer, errors } = await upload({ CLIPS_URL: await listen(hasty) }, { bytes: 20_000_000 });
    assert.equal(answer, null);
    assert.match(errors[0]!, /before it has the clip/);
  });

  it('fails where the file is gone', async () => {
    fs.rmSync(file);
    const { answer, errors } = await upload({ CLIPS_URL: await listen(store([])) });
    assert.equal(answer, null);
    assert.match(errors[0]!, /ENOENT/);
  });
});
