# Nodes live without a frontend: a spare disk that nobody uses yet, and one that is served. Ending
# the export would leave both.
#   truncate -s 64M spare.img
exec banyan run \
    --blockdev driver=raw,node-name=spare,file.driver=file,file.filename=spare.img \
    --blockdev driver=memory,node-name=disk,size=64M \
    --nbd-server addr.type=unix,addr.path=alone.sock \
    --export type=nbd,id=disk,node-name=disk,writable=on \
    "$@"
