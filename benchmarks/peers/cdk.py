"""The same templates through AWS CDK for Python: each is read and synthesized again, the least that CDK can do."""

import sys
from pathlib import Path

import aws_cdk
from aws_cdk import cloudformation_include

source, target = map(Path, sys.argv[1:])
app = aws_cdk.App(outdir=str(target), analytics_reporting=False)
for path in sorted(source.glob("*.json")):
    if not path.name.endswith((".asl.json", "openapi.json")):
        stack = aws_cdk.Stack(app, path.stem)
        cloudformation_include.CfnInclude(stack, "Template", template_file=str(path))
app.synth()
