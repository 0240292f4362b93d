bulkhead diff - - <small.yaml
