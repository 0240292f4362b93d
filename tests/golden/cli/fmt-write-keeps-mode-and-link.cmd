chmod 640 wider.yaml; ln -s wider.yaml link.yaml; bulkhead fmt -w link.yaml; stat -c "%a %F" wider.yaml link.yaml; rm link.yaml
