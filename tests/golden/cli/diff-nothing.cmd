bulkhead diff small.yaml commented.yaml
