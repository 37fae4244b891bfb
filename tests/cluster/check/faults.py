"""One change of a shipped file for each fault: file, what is replaced, by what, where the finding is, its message."""

from __future__ import annotations

SPOT = "available_node_types.worker.gpu.spot"
START = "RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0;\n    RAY_enable"

# What Ray's schema, botocore and the rules of this project find: file, what is replaced, by what, place, message.
FAULTS = {
    "a key that Ray does not know": (
        "config.yaml", "upscaling_speed: 1.0", "upscaling_sped: 1.0", "upscaling_sped",
        r"must know every key. Received: upscaling_sped. Write upscaling_speed\?",
    ),
    "a key that is nothing like one of Ray's": (
        "config.yaml", "cluster_name:", "foo: 1\ncluster_name:", "foo", "Received: foo. Take it out",
    ),
    "a node type without resources": (
        "config.yaml", "    resources: {}               # filled in from the instance type: 48 CPUs and 4 GPUs\n", "",
        SPOT, "Ray wants resources here. .* Add resources.",
    ),
    "a number in quotes": (
        "config.yaml", "min_workers: 0", "min_workers: '1'", f"{SPOT}.min_workers",
        "type integer. Received: '1'. Write it as a number without quotes.",
    ),
    "one pattern where a list is wanted": (
        "config.yaml", "rsync_exclude: [.git", "rsync_exclude: x #[.git", "rsync_exclude",
        "type array. Received: 'x'. Write it as a list.",
    ),
    "one command where a list is wanted": (
        "config.yaml", "initialization_commands: []", "initialization_commands: pip install x",
        "initialization_commands", "type array. Received: 'pip install x'",
    ),
    "an instance type that there is not": (
        "config.yaml", "g5.12xlarge             #", "g5.12xlage             #", f"{SPOT}.node_config.InstanceType",
        "one of AWS's. Received: g5.12xlage. Did you mean g5.12xlarge",
    ),
    "a key that AWS does not know": (
        "config.yaml", "InstanceMarketOptions:", "InstanceMarketOption:", f"{SPOT}.node_config.InstanceMarketOption",
        r"AWS must know every key. Received: InstanceMarketOption. Write InstanceMarketOptions\?",
    ),
    "a key deep down that AWS does not know": (
        "config.yaml", "Ebs: {VolumeSize: 150, VolumeType", "Ebs: {VolumeSise: 150, VolumeType",
        "available_node_types.head.cpu.node_config.BlockDeviceMappings[0].Ebs.VolumeSise", r"Write VolumeSize\?",
    ),
    "a value that AWS does not take": (
        "config.yaml", "{VolumeSize: 150,", "{VolumeSize: large,",
        "available_node_types.head.cpu.node_config.BlockDeviceMappings[0].Ebs.VolumeSize",
        "AWS wants a value of type integer. Received: 'large'. Write it as a number without quotes.",
    ),
    "more at least than at most": (
        "config.yaml", "    min_workers: 0\n    max_workers: 2 ", "    min_workers: 3\n    max_workers: 2 ",
        "available_node_types.worker.gpu.ondemand.min_workers",
        "must not exceed max_workers. Received: min_workers 3, max_workers 2. Raise max_workers or lower min_workers.",
    ),
    "more pods at least than at most": (
        "kuberay.yaml", "minReplicas: 0", "minReplicas: 9", "spec.workerGroupSpecs[0].minReplicas",
        "must not exceed maxReplicas. Received: minReplicas 9, maxReplicas 8",
    ),
    "a worker without GPUs": (
        "config.yaml", "g5.12xlarge             #", "m6i.xlarge             #", f"{SPOT}.node_config.InstanceType",
        "a worker must have a GPU, .* Received: m6i.xlarge. Choose a type with GPUs",
    ),
    "a worker on Google's without GPUs": (
        "gcp.yaml", "resources: {CPU: 48, GPU: 4}    #", "resources: {CPU: 48}    #", f"{SPOT}.resources",
        "Received: no GPU in resources",
    ),
    "a pod without GPUs": (
        "kuberay.yaml", "limits: {cpu: \"44\", memory: 160Gi, nvidia.com/gpu: 4}", "limits: {cpu: \"44\"}",
        "spec.workerGroupSpecs[0].template", "Received: no nvidia.com/gpu in limits",
    ),
    "GPUs of one's own that are not told": (
        "on-prem.yaml", ", GPU: 4}", "}", "available_node_types.local.cluster.node.resources",
        "Received: no GPU in available_node_types.local.cluster.node.resources. Say it as",
    ),
    "machines of one's own of which none may start": (
        "on-prem.yaml", "    max_workers: 2\nhead_node_type", "head_node_type",
        "available_node_types.local.cluster.node",
        "Received: no max_workers, or 0. Add max_workers: as many as worker_ips",
    ),
    "a source of a mount that is not there": (
        "config.yaml", "  ~/fashion-search: .\n", "  ~/fashion-search: .\n  ~/x: /nope/missing\n", "file_mounts.~/x",
        "must be here. Received: no file or folder /nope/missing, .* Correct the path",
    ),
    "a key file that is not there": (
        "on-prem.yaml", "~/.ssh/key", "~/.ssh/kex", "auth.ssh_private_key", "Received: no file or folder ~/.ssh/kex",
    ),
    "another folder than the project's": (
        "config.yaml", "  ~/fashion-search: .\n", "  ~/fashion-search: docs\n", "file_mounts.~/fashion-search",
        "Received: no requirements.lock in .*/docs. Change to the repository's root first.",
    ),
    "an image of another Ray": (
        "config.yaml", "image: rayproject/ray:2.60.0-py311-gpu", "image: rayproject/ray:2.59.0-py311-gpu",
        "docker.image", "must begin with 2.60.0-py311, .* Received: rayproject/ray:2.59.0-py311-gpu. Write",
    ),
    "an image of another Python": (
        "gcp.yaml", "ray:2.60.0-py311-cpu", "ray:2.60.0-py312-cpu", "docker.head_image", "must begin with 2.60.0-py311",
    ),
    "an image without a version": (
        "kuberay.yaml", "fashion-search:2.60.0\n", "fashion-search\n",
        "spec.headGroupSpec.template.spec.containers[0].image", "must begin with 2.60.0, .* Received: registry",
    ),
    "another Ray for the operator": (
        "kuberay.yaml", "rayVersion: 2.60.0", "rayVersion: 2.59.1", "spec.rayVersion",
        "ray must have the version of requirements.lock. Received: 2.59.1. Write 2.60.0",
    ),
    "a command that installs another version": (
        "config.yaml", "  - python -m pip install --quiet --req",
        "  - pip install optuna==4.0.0\n  - pip install --req",
        "setup_commands[0]", "optuna must have the version of requirements.lock. Received: 4.0.0. Write 5.0.0",
    ),
    "a head without the token": (
        "on-prem.yaml", START, START.replace("RAY_AUTH_MODE=token ", ""), "head_start_ray_commands[1]",
        "must ask for the token. Received: `ray start` without RAY_AUTH_MODE=token",
    ),
    "a token that is not copied": (
        "gcp.yaml", "  ~/.ray/auth_token: ~/.ray/auth_token\n", "", "file_mounts", "Received: file_mounts without",
    ),
    "pods without the token": (
        "kuberay.yaml", "authOptions: {mode: token}", "authOptions: {mode: disabled}", "spec.authOptions",
        "Every pod must ask for the token. Received: authOptions.mode disabled",
    ),
    "a port open to everybody": (
        "config.yaml", "  type: aws\n", "  type: aws\n  security_group: {IpPermissions: [{CidrIp: 0.0.0.0/0}]}\n",
        "provider.security_group.IpPermissions[0].CidrIp", "open to the whole internet. Received: 0.0.0.0/0",
    ),
    "a dashboard on every interface": (
        "on-prem.yaml", "--dashboard-host=127.0.0.1", "--dashboard-host=0.0.0.0", "head_start_ray_commands[1]",
        "must listen on 127.0.0.1, .* Received: --dashboard-host=0.0.0.0",
    ),
    "a head behind a load balancer": (
        "kuberay.yaml", "serviceType: ClusterIP", "serviceType: LoadBalancer", "spec.headGroupSpec.serviceType",
        "through a tunnel alone. Received: serviceType LoadBalancer. Write ClusterIP",
    ),
    "no security group of one's own": (
        "config.yaml", "      SecurityGroupIds: *security_groups\n", "", f"{SPOT}.node_config",
        "SSH must be open to you alone. Received: no SecurityGroupIds",
    ),
    "a key of AWS's": (
        "config.yaml", "  type: aws\n", "  type: aws\n  note: AKIAABCDEFGHIJKLMNOP\n", "provider.note",
        r"No secret may stand in the file. Received: what looks like one \(not printed\)",
    ),
    "credentials under their name": (
        "config.yaml", "  type: aws\n", "  type: aws\n  aws_credentials: {aws_access_key_id: x}\n",
        "provider.aws_credentials.aws_access_key_id", "No secret may stand in the file",
    ),
    "no storage path": (
        "config.yaml", "  storage_path: s3://searches/fashion-search\n", "", "metadata",
        "must share a storage path. Received: no metadata.storage_path. Add `storage_path: s3://BUCKET/PATH`",
    ),
    "a storage path of each machine's own": (
        "on-prem.yaml", "storage_path: /shared/", "storage_path: /tmp/", "metadata.storage_path",
        "must be shared by all nodes. Received: /tmp/fashion-search, which each node has for itself",
    ),
    "a job without a storage path": (
        "kuberay.yaml", " --storage-path s3://searches/fashion-search", "", "spec.entrypoint",
        "Received: an entrypoint without --storage-path",
    ),
    "workers without a role": (
        "config.yaml", "      IamInstanceProfile: *worker_role\n", "",
        "available_node_types.worker.gpu.ondemand.node_config", "must be allowed to use s3://.* Received: no IamInst",
    ),
    "autoscaler v2 on machines of one's own": (
        "on-prem.yaml", "RAY_enable_autoscaler_v2=0 ray start", "ray start", "head_start_ray_commands[1]",
        "must use autoscaler v1: v2 starts one worker too few",
    ),
    "set-up that Ray does not do on machines of one's own": (
        "on-prem.yaml", "\nsetup_commands: []", "\nsetup_commands: [date]", "setup_commands",
        "Received: 1 setup_commands. Write them into both lists",
    ),
    "pods that come back": (
        "kuberay.yaml", "restartPolicy: Never    #", "restartPolicy: Always    #",
        "spec.headGroupSpec.template.spec.restartPolicy", "must be Never .* Received: Always",
    ),
    "a price that is missing": (
        "config.yaml", "worker.gpu.spot: 2.27, ", "", "metadata.usd_per_hour",
        "worker.gpu.spot: the price of an hour must be given, .* Add `worker.gpu.spot: 1.23`",
    ),
    "a key given twice": (
        "config.yaml", "upscaling_speed: 1.0\n", "upscaling_speed: 1.0\nmax_workers: 80\n", "max_workers",
        r"must be given once: the last one counts. Received: max_workers, in lines \d+ and \d+. Take one out",
    ),
    "no name for the container": (
        "config.yaml", "  container_name: fashion-search\n", "", "docker",
        "must have a name and an image. Received: docker without container_name. Give both",
    ),
    "a head of no known type": (
        "config.yaml", "head_node_type: head.cpu", "head_node_type: nope", "head_node_type",
        "Received: nope. Name one of head.cpu, worker.gpu.spot, worker.gpu.ondemand",
    ),
    "a provider that there is not": (
        "config.yaml", "  type: aws\n", "  type: awz\n", "provider.type", "Received: awz. Use aws, gcp or local",
    ),
}  # fmt: skip
