# Copy on read is a filter, so it is for this export and not for that: both see one image.
#   truncate -s 64M disk.img
exec banyan run \
    --blockdev driver=file,node-name=image,filename=disk.img,read-only=on \
    --blockdev driver=copy-on-read,node-name=copying,read-only=on,file.driver=raw,file.read-only=on,file.file=image \
    --nbd-server addr.type=unix,addr.path=copy-on-read.sock \
    --export type=nbd,id=copying,node-name=copying \
    --export type=nbd,id=plain,node-name=image,name=plain \
    "$@"
