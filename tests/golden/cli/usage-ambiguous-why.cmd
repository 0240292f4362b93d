bulkhead why --f one small.yaml
