bulkhead why small.yaml --batch >/dev/full
