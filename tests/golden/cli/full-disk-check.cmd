bulkhead check small.yaml >/dev/full
