bulkhead fmt -w - <small.yaml
