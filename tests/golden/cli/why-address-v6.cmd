bulkhead why small.yaml --from fd10:0:0:1::2 --to two --port 80/tcp
