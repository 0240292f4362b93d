bulkhead fmt -w --check small.yaml
