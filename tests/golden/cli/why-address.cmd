bulkhead why small.yaml --from 10.1.1.2 --to two --port 80/tcp
