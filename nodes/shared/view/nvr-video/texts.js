// Part of nvr-video.js: texts shown in a tile.

const TEXTS = {
  en: {
    connecting: 'Connecting …',
    reconnecting: 'The camera does not answer; trying again',
    error: 'No picture',
    stopped: 'Stopped',
    lost: 'Connection to Node-RED lost; trying again',
    full: 'Too many pages are open',
    absent: 'This page has no such camera',
    stills: 'one picture a second',
    skipped: 'pictures left out',
    waiting: 'Waiting for a picture …',
    ended: 'End of the recording',
    slow: 'The NVR cannot send its recording faster',
    sound: 'Sound',
    pip: 'Picture in picture',
    fullScreen: 'Full screen',
  },
  de: {
    connecting: 'Verbinde …',
    reconnecting: 'Die Kamera antwortet nicht; neuer Versuch',
    error: 'Kein Bild',
    stopped: 'Angehalten',
    lost: 'Verbindung zu Node-RED verloren; neuer Versuch',
    full: 'Zu viele Seiten sind offen',
    absent: 'Diese Kamera gibt es auf dieser Seite nicht',
    stills: 'ein Bild je Sekunde',
    skipped: 'Bilder ausgelassen',
    waiting: 'Warte auf ein Bild …',
    ended: 'Ende der Aufzeichnung',
    slow: 'Der NVR sendet seine Aufzeichnung nicht schneller',
    sound: 'Ton',
    pip: 'Bild im Bild',
    fullScreen: 'Vollbild',
  },
};
const language = () => ((document.documentElement.lang || navigator.language).startsWith('de') ? 'de' : 'en');
const text = (key) => TEXTS[language()][key] ?? key;
