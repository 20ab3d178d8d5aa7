# Several children of one role: two files, one of them slow, and a node that is declared by itself.
#   truncate -s 64M copy1.img
#   truncate -s 64M copy2.img
#   truncate -s 64M copy3.img
exec banyan run \
    --blockdev driver=file,node-name=third,filename=copy3.img \
    --blockdev driver=quorum,node-name=safe,vote-threshold=2,rewrite-corrupted=on,children.0.driver=raw,children.0.file.driver=file,children.0.file.filename=copy1.img,children.1.driver=delay,children.1.read-delay=1ms,children.1.file.driver=file,children.1.file.filename=copy2.img,children.2=third \
    --nbd-server addr.type=unix,addr.path=quorum.sock \
    --export type=nbd,id=safe,node-name=safe,writable=on \
    "$@"
