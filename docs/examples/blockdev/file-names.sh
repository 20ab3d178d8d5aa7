# A file name is never parsed. Dotted keys end a value at a comma, so one in a name is doubled there.
#   truncate -s 64M nbd:localhost:10809
#   truncate -s 64M a,b.img
exec banyan run \
    --blockdev driver=file,node-name=colons,filename=nbd:localhost:10809 \
    --blockdev driver=file,node-name=comma,filename=a,,b.img \
    --nbd-server addr.type=unix,addr.path=file-names.sock \
    --export type=nbd,id=colons,node-name=colons,writable=on \
    --export type=nbd,id=comma,node-name=comma,writable=on \
    "$@"
