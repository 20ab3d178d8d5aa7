# One disk, and what two machines see of it: names, descriptions and rights are the exports'.
exec banyan run \
    --blockdev driver=memory,node-name=disk,size=64M \
    --nbd-server addr.type=unix,addr.path=frontend.sock \
    --export "type=nbd,id=owner,node-name=disk,name=disk,writable=on,description=the owner's" \
    --export type=nbd,id=guest,node-name=disk,name=disk-to-look-at \
    "$@"
