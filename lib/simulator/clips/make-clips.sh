#!/usr/bin/env bash
# Makes the simulator's clips anew: each shows its channel's name and running seconds. Needs ffmpeg with libx264 and the DejaVu fonts.
set -euo pipefail
cd "$(dirname "$0")"
font=/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf
# No B-frames, parameter sets in front of every keyframe, a delimiter before every access unit.
x264=(-c:v libx264 -pix_fmt yuv420p -profile:v high -preset veryslow -bf 0 -x264-params aud=1:scenecut=0:info=0)

# clip NAME SIZE FPS SECONDS GOP CRF COLOUR TEXT
clip() {
  local height=${2#*x}
  local text="drawtext=fontfile=$font:fontcolor=white:box=1:boxcolor=black@0.5:boxborderw=6:fontsize=$((height / 7))"
  ffmpeg -v error -y -f lavfi -i "color=c=$7:s=$2:r=$3:d=$4,drawgrid=w=$((height / 5)):h=$((height / 5)):c=white@0.15" \
    -f lavfi -i "color=c=white:s=$((height / 9))x$((height / 9)):r=$3:d=$4" \
    -filter_complex "[0][1]overlay=x='mod(t*W/5,W)':y=H*0.45:shortest=1,$text:text='$8':x=w*0.05:y=h*0.08,$text:text='%{eif\\:t\\:d\\:2} s':x=w*0.05:y=h*0.72" \
    -g "$5" -crf "$6" "${x264[@]}" -f h264 "$1"
}

colours=(0x2f4f6f 0x5f3f2f 0x2f5f3f 0x553366)
for channel in 1 2 3 4; do
  clip "ch$channel-main.h264" 640x360 12.5 20 25 26 "${colours[channel - 1]}" "CH$channel main"
  clip "ch$channel-dual.h264" 320x180 12.5 20 25 28 "${colours[channel - 1]}" "CH$channel dual"
done
# Second n of the minute, for recordings: 10 frames and one keyframe a second.
clip recording.h264 320x180 10 60 10 28 0x444444 "Recording"
