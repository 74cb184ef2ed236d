// The RTSP paths of many makers' cameras and recorders, from their documents or from other sources. None of
// them has been tried with a device for this package; `tried` is for those that have.

export interface Preset {
  /** An internal id; flows save only the templates. */
  readonly id: string;
  readonly maker: string;
  readonly live: string;
  /** Empty if no form for playback is known. */
  readonly playback: string;
  /** The codes for `{stream}`. If a device has only one stream, `live` contains no `{stream}`. */
  readonly codes: Readonly<{ main: string; dual: string }>;
  /** The number of channel 1 on the wire. */
  readonly firstChannel: 0 | 1;
  readonly port: number;
  /** The source of this information. */
  readonly source: string;
  /** Whether it has been tried with a device. */
  readonly tried: boolean;
}

const HIKVISION = {
  live: '/Streaming/Channels/{ch}0{stream}',
  playback:
    "/Streaming/tracks/{ch}0{stream}?starttime={start:utc:yyyyMMdd'T'HHmmss'Z'}&endtime={end:utc:yyyyMMdd'T'HHmmss'Z'}",
  codes: { main: '1', dual: '2' },
};
const DAHUA = {
  live: '/cam/realmonitor?channel={ch}&subtype={stream}',
  playback:
    '/cam/playback?channel={ch}&subtype={stream}&starttime={start:yyyy_MM_dd_HH_mm_ss}&endtime={end:yyyy_MM_dd_HH_mm_ss}',
  codes: { main: '0', dual: '1' },
};
const STREAM_1_2 = { live: '/stream{stream}', codes: { main: '1', dual: '2' } };
const LIVE_SDP = { live: '/live.sdp' };

const ZWPLAYER = 'https://www.zwplayer.com/articles/device/ip-camera-rtsp-url-guide.html';
const CSDN = 'https://blog.csdn.net/yuanwenmao/article/details/79656906';
const CNBLOGS = 'https://cnblogs.com/cherishthepresent/p/16584425.html';
const OPENSMARTY = 'https://www.cnblogs.com/opensmarty/p/17791171.html';
const CAMIO =
  'https://github.com/CamioCam/rtsp/blob/01e028a2da045fe1133e40b997018fa020f19d99/cameras/paths.csv';
const ROBOCAM =
  'https://github.com/neilshah101/Robocam/blob/3d1e497b29dbe426bc6b7d2a8a08fa9b345ff1ed/docs/RTSP-Formats.md';
const GUIDE = 'https://github.com/AkashMLodiwiksz/Face-Identifying-Security-system-';
const HANWHA = 'https://support.hanwhavision.eu/hc/en-gb/articles/4414178841746-RTSP-URLs';
const REALTIME =
  'https://getrealtime.com/blog/how-to-find-your-ip-cameras-rtsp-url-complete-vendor-reference-2026';
const REOLINK = 'https://support.reolink.com/hc/en-us/articles/900000630706';
const UNIVIEW = 'https://mofulls.pixnet.net/blog/post/351191279';
const MOBOTIX =
  'https://github.com/visioforge/help/blob/2754a35ce4991b55f8855c87fd0038cedc22b521/dotnet/camera-brands/mobotix.md';
const BRAZIL = 'https://gist.github.com/denoww/43b0f055c85ac8c22672d230d4fb2cad';
const ABUS = 'https://github.com/ch-bas/cctv-camera-database/releases/tag/v1.12.0';

type Given = Pick<Preset, 'live'> & Partial<Preset>;

function preset(id: string, maker: string, source: string, given: Given): Preset {
  return {
    ...{ playback: '', codes: { main: '1', dual: '2' }, firstChannel: 1, port: 554, tried: false },
    ...given,
    ...{ id, maker, source },
  };
}

/** If several makers share a path, the first one in this list is recognised. */
export const PRESETS: readonly Preset[] = [
  preset('mobotix', 'MOBOTIX (cameras)', MOBOTIX, { live: '/mobotix.h264' }),
  preset('mobotix-mjpeg', 'MOBOTIX (cameras, MJPEG)', MOBOTIX, { live: '/mobotix.mjpeg' }),
  preset('hikvision', 'Hikvision', ZWPLAYER, HIKVISION),
  preset('hikvision-old', 'Hikvision (before 2012)', CSDN, {
    live: '/h264/ch{ch}/{stream}/av_stream',
    codes: { main: 'main', dual: 'sub' },
  }),
  preset('hikvision-psia', 'Hikvision (PSIA)', CAMIO, { live: '/PSIA/streaming/channels/{ch}0{stream}' }),
  preset('abus', 'ABUS', ABUS, { ...HIKVISION, playback: '' }),
  preset('annke', 'ANNKE', GUIDE, { ...HIKVISION, playback: '' }),
  preset('hilook', 'HiLook', ROBOCAM, { ...HIKVISION, playback: '' }),
  preset('speco', 'Speco', ROBOCAM, { ...HIKVISION, playback: '' }),
  preset('dahua', 'Dahua', CSDN, DAHUA),
  preset('amcrest', 'Amcrest', REALTIME, { ...DAHUA, playback: '' }),
  preset('lorex', 'Lorex', ROBOCAM, { ...DAHUA, playback: '' }),
  preset('imou', 'IMOU', ROBOCAM, { ...DAHUA, playback: '' }),
  preset('flir-nvr', 'FLIR (recorders)', CAMIO, { ...DAHUA, playback: '' }),
  preset('intelbras', 'Intelbras', BRAZIL, {
    ...DAHUA,
    playback: '',
  }),
  preset('reolink', 'Reolink', `${REOLINK}-What-is-RTSP`, {
    live: '/h264Preview_{ch:2}_{stream}',
    codes: { main: 'main', dual: 'sub' },
  }),
  preset('reolink-preview', 'Reolink (newer, H.265 too)', `${REOLINK}-Introduction-to-RTSP/`, {
    live: '/Preview_{ch:2}_{stream}',
    codes: { main: 'main', dual: 'sub' },
  }),
  preset('uniview', 'Uniview (recorders)', UNIVIEW, {
    live: '/unicast/c{ch}/s{stream}/live',
    playback: '/c{ch}/b{start:unix}/e{end:unix}/replay/',
    codes: { main: '0', dual: '1' },
  }),
  preset('uniview-camera', 'Uniview (cameras)', UNIVIEW, { live: '/media/video{stream}' }),
  preset('sony', 'Sony', ROBOCAM, { live: '/media/video{stream}' }),
  preset(
    'axis',
    'Axis',
    'https://wiki.2n.com/hip/inte/latest/en/7-ip-cameras/universal-axis-camera-settings',
    {
      live: '/axis-media/media.amp?videocodec=h264',
    },
  ),
  preset('axis-any', 'Axis (as the camera is set)', REALTIME, { live: '/axis-media/media.amp' }),
  preset('hanwha', 'Hanwha Vision (Wisenet, Samsung)', HANWHA, {
    live: '/profile{stream}/media.smp',
    codes: { main: '2', dual: '3' },
  }),
  preset('hanwha-sensors', 'Hanwha Vision (several sensors, encoders)', HANWHA, {
    live: '/{ch}/profile{stream}/media.smp',
    codes: { main: '2', dual: '3' },
    firstChannel: 0,
  }),
  preset('hanwha-nvr', 'Hanwha Vision (recorders)', HANWHA, {
    live: '/LiveChannel/{ch}/media.smp',
    firstChannel: 0,
    port: 558,
  }),
  preset('samsung', 'Samsung', 'https://blog.csdn.net/hzhouhangkeji/article/details/133701174', {
    live: '/onvif/profile{stream}/media.smp',
    codes: { main: '2', dual: '3' },
  }),
  preset('bosch', 'Bosch', ABUS, { live: '/?inst={stream}' }),
  preset('bosch-tunnel', 'Bosch (rtsp_tunnel)', CAMIO, { live: '/rtsp_tunnel' }),
  preset('panasonic', 'Panasonic, i-PRO', CAMIO, { live: '/MediaInput/h264' }),
  preset('foscam', 'Foscam', GUIDE, { live: '/video{stream}', codes: { main: 'Main', dual: 'Sub' } }),
  preset('tp-link', 'TP-Link (Tapo, VIGI)', GUIDE, STREAM_1_2),
  preset('pelco', 'Pelco', ROBOCAM, STREAM_1_2),
  preset('geovision', 'GeoVision', ROBOCAM, STREAM_1_2),
  preset('grandstream', 'Grandstream', ROBOCAM, STREAM_1_2),
  preset(
    'flir',
    'FLIR',
    'http://38.142.81.21:8001/manual/flir-systems/dh-390/user-s-guide-english/page-20.html',
    {
      ...STREAM_1_2,
    },
  ),
  preset('d-link', 'D-Link', CAMIO, { live: '/live{stream}.sdp', codes: { main: '1', dual: '3' } }),
  preset('vivotek', 'VIVOTEK', ROBOCAM, LIVE_SDP),
  preset('brickcom', 'Brickcom', ROBOCAM, LIVE_SDP),
  preset('trendnet', 'TRENDnet', ROBOCAM, LIVE_SDP),
  preset('netgear', 'Netgear', ROBOCAM, LIVE_SDP),
  preset('4xem', '4XEM', CNBLOGS, LIVE_SDP),
  preset(
    'milesight',
    'Milesight',
    'https://support.milesight.com/support/solutions/articles/69000859092-rtsp-stream-of-milesight-network-camera-nvr-vms',
    {
      live: '/{stream}',
      codes: { main: 'main', dual: 'sub' },
    },
  ),
  preset(
    'milesight-dual',
    'Milesight (several sensors)',
    'https://support.milesight.com/support/solutions/articles/69000859092-rtsp-stream-of-milesight-network-camera-nvr-vms',
    {
      live: '/channel{ch}/{stream}',
      codes: { main: 'main', dual: 'sub' },
    },
  ),
  preset(
    'avycon',
    'AVYCON',
    'https://avycon.freshdesk.com/support/solutions/articles/36000328602-autotracking-and-panoramic-180-rtsp-syntax',
    {
      live: '/{stream}',
      codes: { main: 'main', dual: 'sub' },
    },
  ),
  preset(
    'avycon-plug-play',
    'AVYCON (Plug & Play)',
    'https://avycon.freshdesk.com/support/solutions/articles/36000299004-rtsp-syntax-for-plug-play-series-ip-cameras',
    {
      live: '/profile{stream}',
    },
  ),
  preset(
    'amlink',
    'AMLINK',
    'https://support.amlinksecurity.com/hc/en-us/articles/44398436425101-Accessing-AMLINK-Products-Using-RTSP',
    {
      live: '/video/livemedia?Ch={ch}&Streamtype={stream}',
      codes: { main: '0', dual: '1' },
    },
  ),
  preset('instar', 'INSTAR', 'https://github.com/mpolinowski/opencv-rtsp', { live: '/1{stream}' }),
  preset('zosi', 'ZOSI', GUIDE, { live: '/1{stream}' }),
  preset('eufy', 'eufy', GUIDE, {
    live: '/live{stream}',
    codes: { main: '0', dual: '1' },
    port: 8554,
  }),
  preset('wyze', 'Wyze (with RTSP firmware)', GUIDE, { live: '/unicast', port: 8554 }),
  preset('huawei', 'Huawei', CNBLOGS, { live: '/LiveMedia/ch{ch}/Media{stream}' }),
  preset('infinova', 'Infinova', CNBLOGS, {
    live: '/{ch}/h264{stream}',
    codes: { main: 'major', dual: 'minor' },
  }),
  preset('santachi', 'Santachi', CNBLOGS, {
    live: '/stream/av0_{stream}',
    codes: { main: '0', dual: '1' },
  }),
  preset('tiandy', 'Tiandy', 'https://blog.csdn.net/wwwwww_1/article/details/140719721', {
    live: '/{ch}/{stream}',
  }),
  preset('zhenshi', 'Zhenshi', 'https://blog.csdn.net/weixin_37549838/article/details/140784175', {
    live: '/{stream}',
    codes: { main: 'h264', dual: 'sub_stream_1' },
    port: 8557,
  }),
  preset('sharx', 'Sharx Security', CAMIO, {
    live: '/live/{stream}/h264.sdp',
    codes: { main: '0', dual: '2' },
  }),
  preset('digital-watchdog', 'Digital Watchdog (VMAX)', CAMIO, { live: '/rtsp/unicast/live/profile-{ch}' }),
  preset('3s', '3S', CNBLOGS, { live: '/cam{ch}/h264' }),
  preset('zhongwei', 'Zhongwei', OPENSMARTY, { live: '/Streaming/Channels/{ch}' }),
  preset('avigilon', 'Avigilon', ROBOCAM, { live: '/defaultPrimary?streamType=u' }),
  preset('arecont', 'Arecont Vision', ROBOCAM, { live: '/h264.sdp' }),
  preset('acti', 'ACTi', ROBOCAM, { live: '/track1' }),
  preset('luxvision', 'Luxvision, XMEye', BRAZIL, {
    live: '/user={username}&password={password}&channel={ch}&stream={stream}.sdp',
    codes: { main: '0', dual: '1' },
  }),
  preset('zavio', 'Zavio', ROBOCAM, { live: '/video.pro{stream}' }),
];
