// A certificate authority and a certificate for 127.0.0.1, made with openssl in a folder.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

export interface Certificate {
  /** The authority's certificate, PEM. */
  ca: string;
  cert: string;
  key: string;
  /** A file with the certificate and its key. */
  file: string;
}

export function makeCertificate(folder: string): Certificate {
  const at = (name: string): string => path.join(folder, name);
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  };
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...curve,
    '-days',
    '2',
    '-subj',
    '/CN=Test authority',
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
  );
  openssl('req', ...curve, '-subj', '/CN=NVR', '-keyout', at('nvr.key'), '-out', at('nvr.csr'));
  fs.writeFileSync(at('nvr.ext'), 'subjectAltName=IP:127.0.0.1\n');
  openssl(
    ...['x509', '-req', '-in', at('nvr.csr'), '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial'],
    ...['-days', '2', '-extfile', at('nvr.ext'), '-out', at('nvr.pem')],
  );
  const read = (name: string): string => fs.readFileSync(at(name), 'utf8');
  const [ca, cert, key] = [read('ca.pem'), read('nvr.pem'), read('nvr.key')];
  fs.writeFileSync(at('server.pem'), cert + key);
  return { ca, cert, key, file: at('server.pem') };
}
