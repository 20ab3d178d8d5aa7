# A format over a protocol: what concerns the file is said of the file.
#   truncate -s 64M disk.img
exec banyan run \
    --blockdev driver=raw,node-name=disk,discard=unmap,file.driver=file,file.filename=disk.img,file.aio=threads,file.locking=on \
    --nbd-server addr.type=unix,addr.path=raw-over-file.sock \
    --export type=nbd,id=disk,node-name=disk,writable=on \
    "$@"
