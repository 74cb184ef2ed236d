#!/usr/bin/env bash
# Makes the simulator's clips anew: each shows a scene drawn by test/simulator/scenes, its channel's name and running seconds. Needs ffmpeg with libx264 and libx265, and the DejaVu fonts.
set -euo pipefail
cd "$(dirname "$0")"
scenes=$PWD/../../../test/simulator/scenes/main.ts
font=/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf
# No B-frames, parameter sets in front of every keyframe, a delimiter before every access unit.
x264=(-c:v libx264 -pix_fmt yuv420p -profile:v high -preset veryslow -bf 0 -x264-params aud=1:scenecut=0:info=0)
x265=(-c:v libx265 -pix_fmt yuv420p -preset slow -x265-params aud=1:repeat-headers=1:bframes=0:scenecut=0:open-gop=0:info=0:keyint=25:min-keyint=25:log-level=none)
# The Huffman tables of RFC 2435 appendix B, which are not sent.
mjpeg=(-c:v mjpeg -pix_fmt yuvj420p -huffman default -q:v 18)

# picture FILE SIZE FPS SECONDS SCENE TEXT [ENCODER OPTIONS]: the drawn scene, with the text and the running second burnt in.
picture() {
  local file=$1 size=$2 fps=$3 seconds=$4 scene=$5 name=$6 height=${2#*x}
  shift 6
  local text="drawtext=fontfile=$font:fontcolor=white:box=1:boxcolor=black@0.5:boxborderw=4:fontsize=$((height / 14))"
  node --require tsx/cjs "$scenes" "$scene" "$size" "$(awk "BEGIN { print $fps * $seconds }")" |
    ffmpeg -v error -y -f rawvideo -pix_fmt rgb24 -s "$size" -r "$fps" -i - \
      -vf "$text:text='$name':x=w*0.98-tw:y=h*0.91,$text:text='%{eif\\:t\\:d\\:2} s':x=w*0.02:y=h*0.91" "$@" "$file"
}

# clip NAME SIZE FPS SECONDS GOP CRF SCENE TEXT
clip() {
  picture "$1" "$2" "$3" "$4" "$7" "$8" -g "$5" -crf "$6" "${x264[@]}" -f h264
}

drawn=(gate yard workshop crossing)
for channel in 1 2 3 4; do
  scene=${drawn[channel - 1]}
  clip "ch$channel-main.h264" 640x360 12.5 20 25 35 "$scene" "CH$channel ${scene^} main"
  clip "ch$channel-dual.h264" 320x180 12.5 20 25 34 "$scene" "CH$channel ${scene^} dual"
done
# Second n of the minute, for recordings: 10 frames and one keyframe a second.
clip recording.h264 320x180 10 60 10 36 yard "Recording"

picture h265-main.h265 640x360 12.5 10 yard "H265 main" -crf 32 "${x265[@]}" -f hevc
picture h265-dual.h265 320x180 12.5 10 yard "H265 dual" -crf 32 "${x265[@]}" -f hevc
# RFC 2435 counts width and height in blocks of 8: 176 and not 180.
picture mjpeg-main.mjpeg 640x360 5 4 crossing "MJPEG main" "${mjpeg[@]}" -f mjpeg
picture mjpeg-dual.mjpeg 320x176 5 4 crossing "MJPEG dual" "${mjpeg[@]}" -f mjpeg

# A beep of 100 ms at the start of every second. AAC: 8 s are 125 frames of 1024 samples; those behind the encoder's delay of one frame, so that frame 0 starts a second.
beep='0.5*sin(2*PI*880*t)*lt(mod(t\,1)\,0.1)'
ffmpeg -v error -y -f lavfi -i "aevalsrc=$beep:s=16000:d=24" -c:a aac -b:a 24k -bsf:a "noise=amount=0:drop='lt(n\,126)+gt(n\,250)'" -f adts beep.aac
ffmpeg -v error -y -f lavfi -i "aevalsrc=$beep:s=8000:d=1" -f mulaw beep.pcmu
ffmpeg -v error -y -f lavfi -i "aevalsrc=$beep:s=8000:d=1" -f alaw beep.pcma
