"""The CloudFormation types whose resources are servers here; everything goes through the API, as on AWS.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-rds-dbinstance.html
"""
