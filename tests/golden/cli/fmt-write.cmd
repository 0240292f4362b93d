bulkhead fmt -w wider.yaml
