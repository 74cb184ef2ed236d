'use strict';
// A web server that does nothing else, in a process of its own: how long it takes to answer is the machine's
// part of what Node-RED's web page takes.
const http = require('node:http');

const server = http.createServer((_request, response) => response.end('{}'));
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
