variable "name" {
  description = "Base of all resource names, of a-z and 0-9."
  type        = string
  default     = "kvsync"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]{3,11}$", var.name))
    error_message = "name has 3 to 11 characters of a-z and 0-9."
  }
}

variable "location" {
  description = "Region of all resources but the topics, which are in their vault's region."
  type        = string
  nullable    = false
}

variable "cloud" {
  description = "The Azure cloud, as the Azure CLI names it; null: AzureCloud. ARM_ENVIRONMENT tells the providers: public, china or usgovernment."
  type        = string
  default     = null

  validation {
    condition     = var.cloud == null || contains(["AzureCloud", "AzureChinaCloud", "AzureUSGovernment"], coalesce(var.cloud, "AzureCloud"))
    error_message = "cloud is AzureCloud, AzureChinaCloud or AzureUSGovernment."
  }
}

variable "resource_group_name" {
  description = "The resource group that is made; null: rg-NAME."
  type        = string
  default     = null

  validation {
    condition     = var.resource_group_name == null || can(regex("^.{1,90}$", var.resource_group_name))
    error_message = "resource_group_name has 1 to 90 characters."
  }
}

variable "tags" {
  description = "Tags of every resource that takes tags."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "vaults" {
  description = <<-EOT
    The vaults to serve, by name; they win over those that vault_pattern finds. Needed for vaults of other subscriptions, for those that have a system topic, and for those that their name does not place.
    resource_id: of the vault. location: region of the vault, which its system topic is in, too.
    system_topic: resource id of the system topic that the vault already has: a vault can have one. It needs a system-assigned identity. Left out: a topic is made beside the vault.
    access_policies: whether the vault takes access policies instead of Azure roles (RBAC authorization): the identity then gets an entry to get and list secrets. Refused where the vault takes roles, as a role is where it takes access policies.
    placements: where the vault goes, as entries of SYNC_PLACEMENTS with project, stage, namespace, secret, cluster and unprefixed (whether names without a stage's prefix go here, where the vault's placements differ in stage). What is left out comes from the vault's name; where that is not REGION-DS-AKV-PROJECT-STAGE-NUMBER, each needs project and stage.
  EOT
  type = map(object({
    resource_id     = string
    location        = string
    system_topic    = optional(string)
    access_policies = optional(bool, false)
    # An object type would drop a misspelt field without a word.
    placements = optional(list(map(string)), [])
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for name, vault in var.vaults :
      can(regex("(?i)^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\\.KeyVault/vaults/${name}$", vault.resource_id))
    ])
    error_message = "The resource_id of an entry of vaults is that of a vault of the entry's name: /subscriptions/…/resourceGroups/…/providers/Microsoft.KeyVault/vaults/NAME."
  }

  validation {
    condition = alltrue([
      for vault in values(var.vaults) :
      can(regex("(?i)^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\\.EventGrid/systemTopics/[^/]+$", vault.system_topic))
      if vault.system_topic != null
    ])
    error_message = "system_topic is a resource id: /subscriptions/…/resourceGroups/…/providers/Microsoft.EventGrid/systemTopics/TOPIC."
  }

  validation {
    condition     = length(distinct([for name in keys(var.vaults) : lower(name)])) == length(var.vaults)
    error_message = "Names in vaults that differ by case only are one vault."
  }

  validation {
    condition = alltrue([
      for place in flatten(values(var.vaults)[*].placements) :
      length(setsubtract(keys(place), ["project", "stage", "namespace", "secret", "cluster", "unprefixed"])) == 0
    ])
    error_message = "A placement has project, stage, namespace, secret, cluster and unprefixed, nothing else."
  }

  validation {
    condition = alltrue([
      for place in flatten(values(var.vaults)[*].placements) : contains(["true", "false"], coalesce(lookup(place, "unprefixed", null), "false"))
    ])
    error_message = "unprefixed of a placement is true or false."
  }

  validation {
    condition = var.placements_file != "" || lookup(var.settings, "SYNC_VAULT_PATTERN", "") != "" || lookup(var.settings, "SYNC_PLACEMENTS", "") != "" || alltrue([
      for name, vault in var.vaults :
      can(regex("^[a-z0-9]+-ds-akv-[a-z0-9]+(-[a-z0-9]+)*-[a-z0-9]+-[1-9][0-9]?$", lower(name))) || length(vault.placements) > 0 && alltrue([
        for place in vault.placements : lookup(place, "project", null) != null && lookup(place, "stage", null) != null
      ])
    ])
    error_message = "A vault whose name is not REGION-DS-AKV-PROJECT-STAGE-NUMBER needs placements, each with project and stage."
  }

  validation {
    condition     = var.placements_file == "" || length(flatten(values(var.vaults)[*].placements)) == 0
    error_message = "placements_file is given, and placements of vaults as well: put these into the file."
  }
}

variable "placements_file" {
  description = "Name of the file in the package that says where vaults go, for more placements than a setting holds; without it they are those of vaults."
  type        = string
  default     = ""
  nullable    = false
}

variable "projects" {
  # An object type would drop a misspelt field without a word: a firewall, for one.
  description = <<-EOT
    The vaults to make, by project and stage: REGION-DS-AKV-NAME-STAGE-NUMBER. They are served like the others. What exists stays as it is, and a project taken off the list keeps its vaults. Look before with infra/vault_names.py.
    name: of a-z and 0-9 in parts joined by single hyphens. stage: of a-z and 0-9. numbers: a vault is made for each, 1 to 99; number 1 is the Secret keyvault-project. region: as the vaults' names spell it, such as weu. location: Azure region, such as westeurope; left out: that of the app.
    officers: object ids of the groups that set the secrets (Key Vault Secrets Officer). readers: object ids of the groups that see the names of the secrets, and no value (Key Vault Reader).
    addresses: public IPv4 ranges that the team comes from; with it the vaults have a firewall, which lets in these and network.addresses. Left out: none.
  EOT
  type        = any
  default     = []
  nullable    = false

  validation {
    condition = try(alltrue([
      for project in var.projects :
      length(setsubtract(keys(project), ["name", "stage", "numbers", "region", "location", "officers", "readers", "addresses"])) == 0 &&
      length(setsubtract(["name", "stage", "numbers", "region"], keys(project))) == 0
    ]), false)
    error_message = "projects is a list of objects with name, stage, numbers and region; other fields are location, officers, readers and addresses."
  }

  validation {
    condition = try(alltrue([
      for project in var.projects :
      can(regex("^[a-z0-9]+(-[a-z0-9]+)*$", project.name)) && can(regex("^[a-z0-9]+$", project.stage)) && can(regex("^[a-z][a-z0-9]*$", project.region))
    ]), false)
    error_message = "A project's name is of a-z and 0-9 in parts joined by single hyphens, its stage of a-z and 0-9, and its region too, with a letter first, as names of vaults spell it."
  }

  validation {
    condition = try(alltrue([
      for project in var.projects :
      length(project.numbers) > 0 && alltrue([for number in project.numbers : number >= 1 && number <= 99 && floor(number) == number])
    ]), false)
    error_message = "A project has at least one number, each a whole one from 1 to 99."
  }

  validation {
    condition     = try(alltrue([for project in var.projects : length(distinct(project.numbers)) == length(project.numbers)]), false)
    error_message = "A project has a number twice."
  }

  validation {
    condition     = try(alltrue([for name in flatten([for project in var.projects : [for number in distinct(project.numbers) : lower("${project.region}-DS-AKV-${project.name}-${project.stage}-${number}")]]) : length(name) <= 24]), false)
    error_message = "A vault's name, REGION-DS-AKV-NAME-STAGE-NUMBER, has 24 characters at most: shorten the project, the stage or the region."
  }

  validation {
    condition = try(
      length(flatten([for project in var.projects : [for number in distinct(project.numbers) : lower("${project.region}-DS-AKV-${project.name}-${project.stage}-${number}")]])) == length(distinct(flatten([for project in var.projects : [for number in distinct(project.numbers) : lower("${project.region}-DS-AKV-${project.name}-${project.stage}-${number}")]]))),
      false,
    )
    error_message = "Two entries of projects make one vault: give each its own name, stage, region or numbers."
  }

  validation {
    condition = try(length(setintersection(
      flatten([for project in var.projects : [for number in distinct(project.numbers) : lower("${project.region}-DS-AKV-${project.name}-${project.stage}-${number}")]]),
      [for name in concat(keys(var.vaults), compact([var.example_vault])) : lower(name)],
    )) == 0, false)
    error_message = "A vault stands in vaults or is example_vault, and is a project's as well: leave it in one."
  }

  validation {
    # What the names alone place, by project, stage and number.
    condition = var.placements_file != "" || length(setintersection(["SYNC_VAULT_PATTERN", "SYNC_PLACEMENTS", "SYNC_CLUSTERS"], keys(var.settings))) > 0 || strcontains(lookup(var.settings, "SYNC_NAMESPACE", ""), "{region}") || anytrue([for cluster in var.clusters : can(cluster.match.region)]) || try(
      alltrue([for names in values({
        for name in distinct([for name in flatten([
          [for name, vault in var.vaults : name if length(vault.placements) == 0],
          compact([var.example_vault]),
          [for project in var.projects : [for number in project.numbers : "${project.region}-DS-AKV-${project.name}-${project.stage}-${number}"]],
        ]) : lower(name)]) : regex("^[a-z0-9]+-ds-akv-(.+-[a-z0-9]+-[1-9][0-9]?)$", name)[0] => name... if can(regex("^[a-z0-9]+-ds-akv-(.+-[a-z0-9]+-[1-9][0-9]?)$", name))
      }) : length(names) == 1]),
      false,
    )
    error_message = "Two vaults are of one project, stage and number, so of one Secret: give each a number of its own, or placements, or tell their regions apart by SYNC_NAMESPACE or the clusters."
  }

  validation {
    condition = try(alltrue(flatten([
      for project in var.projects : [
        for field in ["officers", "readers", "addresses"] : can(tolist(try(project[field], [])))
      ]
      ])) && alltrue(flatten([
      for project in var.projects : [
        for id in concat(try(tolist(project.officers), []), try(tolist(project.readers), [])) :
        can(regex("^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$", id))
      ]
    ])), false)
    error_message = "officers and readers are lists of groups' object ids (GUIDs), and addresses is a list."
  }

  validation {
    condition = try(alltrue(flatten([
      for project in var.projects : [
        for range in try(tolist(project.addresses), []) : can(cidrhost(strcontains(range, "/") ? range : "${range}/32", 0)) && !strcontains(range, ":")
      ]
    ])), false)
    error_message = "addresses has public IPv4 addresses and ranges, such as 203.0.113.0/24."
  }

  validation {
    condition     = try(alltrue([for project in var.projects : length(try(tolist(project.addresses), ["none"])) > 0]), false)
    error_message = "addresses has at least one range; without a firewall leave it out."
  }

  validation {
    condition     = var.network != null || try(alltrue([for project in var.projects : !can(project.addresses)]), false)
    error_message = "A project has addresses, so its vaults have a firewall, which the app passes from a network only: give network, with its addresses unless private endpoints lead to the vaults."
  }
}

variable "projects_resource_group_name" {
  description = "The resource group that projects' vaults are in; null: rg-NAME-vaults. It exists already: the one that is made for the app goes with it."
  type        = string
  default     = null

  validation {
    condition     = var.projects_resource_group_name == null || can(regex("^.{1,90}$", var.projects_resource_group_name))
    error_message = "projects_resource_group_name has 1 to 90 characters."
  }
}

variable "vault_pattern" {
  description = "Regular expression (RE2, in any case) over the whole name: the vaults of the subscription that it finds are served, too. Empty: none is looked for."
  type        = string
  default     = "(?P<region>[a-z0-9]+)-ds-akv-(?P<project>[a-z0-9]+(?:-[a-z0-9]+)*)-(?P<stage>[a-z0-9]+)-(?P<number>[1-9][0-9]?)"
  nullable    = false

  validation {
    condition     = can(regexall("(?i)^(?:${var.vault_pattern})$", ""))
    error_message = "vault_pattern is no regular expression of RE2's syntax."
  }
}

variable "clusters" {
  # An object type would drop a misspelt field without a word.
  description = "The clusters, as in SYNC_CLUSTERS (docs/clusters.md); each with aks lets the identity ask Azure for its endpoint. None: the setting is left out."
  type        = any
  default     = []
  nullable    = false

  validation {
    condition = can([for cluster in var.clusters : cluster.name]) && try(alltrue([
      for cluster in var.clusters : length(setsubtract(keys(cluster), [
        "name", "match", "aks", "server", "ca", "kubeconfig", "kubeconfig_secret", "context", "audience", "token_secret",
      ])) == 0
    ]), false)
    error_message = "clusters is a list of objects with a name; other fields are match, aks, server, ca, kubeconfig, kubeconfig_secret, context, audience and token_secret."
  }

  validation {
    condition     = try(alltrue([for cluster in var.clusters : length(setsubtract(keys(try(cluster.match, {})), ["region", "stage"])) == 0]), false)
    error_message = "A cluster's match has region and stage, nothing else."
  }

  validation {
    condition = try(alltrue([
      for cluster in var.clusters : length(setintersection(keys(cluster), ["aks", "server", "kubeconfig", "kubeconfig_secret"])) == 1
    ]), false)
    error_message = "A cluster has exactly one of aks, server, kubeconfig and kubeconfig_secret."
  }

  validation {
    condition = try(alltrue([
      for cluster in var.clusters :
      can(regex("(?i)^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\\.ContainerService/managedClusters/[^/]+$", cluster.aks)) if can(cluster.aks)
    ]), false)
    error_message = "A cluster's aks is a resource id: /subscriptions/…/resourceGroups/…/providers/Microsoft.ContainerService/managedClusters/CLUSTER."
  }

  validation {
    condition     = try(alltrue([for cluster in var.clusters : can(regex("^/[^\n]+$", try(cluster.kubeconfig, "/path")))]), false)
    error_message = "A cluster's kubeconfig is an absolute path: a whole one can hold a credential, which the state would hold, too. Keep that in a vault and give kubeconfig_secret."
  }
}

variable "azure_rbac_namespaces" {
  description = "Resource ids of namespaces (…/managedClusters/CLUSTER/namespaces/NAMESPACE) whose Secrets the identity may read and write, on clusters with Azure RBAC. On others a RoleBinding does this."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for id in var.azure_rbac_namespaces :
      can(regex("(?i)^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\\.ContainerService/managedClusters/[^/]+/namespaces/[^/]+$", id))
    ])
    error_message = "azure_rbac_namespaces has resource ids: /subscriptions/…/providers/Microsoft.ContainerService/managedClusters/CLUSTER/namespaces/NAMESPACE."
  }
}

variable "credential_secrets" {
  description = "Resource ids of the secrets (…/vaults/VAULT/secrets/SECRET) that clusters name as token_secret or kubeconfig_secret: the identity may read each."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for id in var.credential_secrets :
      can(regex("(?i)^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\\.KeyVault/vaults/[^/]+/secrets/[^/]+$", id))
    ])
    error_message = "credential_secrets has resource ids: /subscriptions/…/providers/Microsoft.KeyVault/vaults/VAULT/secrets/SECRET."
  }
}

variable "inspect_vaults" {
  description = "Whether the identity may also read how each vault is set up, but no value (Reader on the vault): doctor then tells who decides on access, what can be recovered, the network and the audit events. Without it these checks are \"not checked\"."
  type        = bool
  default     = false
  nullable    = false
}

variable "settings" {
  description = "Settings of the app, by their SYNC_ names; they win over what is derived from other variables. With SYNC_DISCOVERY resource-graph the identity may read the subscriptions; its role at vaults that neither vaults nor vault_pattern names is yours to assign."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = length(setsubtract(keys(var.settings), [
      "SYNC_VAULTS",
      "SYNC_DISCOVERY",
      "SYNC_SUBSCRIPTIONS",
      "SYNC_VAULT_PATTERN",
      "SYNC_VAULT_DNS_SUFFIX",
      "SYNC_NAMESPACE",
      "SYNC_PLACEMENTS",
      "SYNC_CLUSTERS",
      "SYNC_SCHEDULE",
      "SYNC_PRUNE",
      "SYNC_KEY_STYLE",
      "SYNC_INCLUDE",
      "SYNC_EXCLUDE",
      "SYNC_STAGE_PREFIXES",
      "SYNC_STAGE_ALIASES",
      "SYNC_SECRET_NAMES",
      "SYNC_CHAIN_ROOT",
      "SYNC_LABELS",
      "SYNC_LABEL_TAGS",
      "SYNC_PORTAL_LINKS",
      "SYNC_APPLICATIONS",
      "SYNC_APPLICATIONS_PREPARE",
      "SYNC_CHAIN_CA",
      "SYNC_NOT_BEFORE",
      "SYNC_EXPIRED",
      "SYNC_REGISTRY_IDENTITY_TOKENS",
      "SYNC_RESTART",
      "SYNC_RESTART_ANNOTATION",
      "SYNC_RESTART_QUIET",
      "SYNC_RESTART_CONCURRENCY",
      "SYNC_RESTART_DEADLINE",
      "SYNC_RESTART_WINDOWS",
      "SYNC_RESTART_OWNERS",
    ])) == 0
    error_message = "settings takes the SYNC_ settings of README.md, nothing else."
  }

  validation {
    condition     = contains([try(jsondecode(file("${path.module}/../clouds.json"))[coalesce(var.cloud, "AzureCloud")].vaults, ""), ""], lookup(var.settings, "SYNC_VAULT_DNS_SUFFIX", ""))
    error_message = "SYNC_VAULT_DNS_SUFFIX is not that of the cloud: leave it out, and give cloud if it is not the public one."
  }

  validation {
    condition     = contains(["none", "resource-graph"], lookup(var.settings, "SYNC_DISCOVERY", "none"))
    error_message = "SYNC_DISCOVERY is none or resource-graph."
  }

  validation {
    condition     = contains(["none", "azure"], lookup(var.settings, "SYNC_PORTAL_LINKS", "none"))
    error_message = "SYNC_PORTAL_LINKS is none or azure."
  }

  validation {
    condition     = contains(["false", "true"], lookup(var.settings, "SYNC_APPLICATIONS_PREPARE", "false"))
    error_message = "SYNC_APPLICATIONS_PREPARE is false or true."
  }

  validation {
    condition     = contains(["owned", "never"], lookup(var.settings, "SYNC_PRUNE", "owned"))
    error_message = "SYNC_PRUNE is owned or never."
  }

  validation {
    condition     = contains(["verbatim", "env"], lookup(var.settings, "SYNC_KEY_STYLE", "verbatim"))
    error_message = "SYNC_KEY_STYLE is verbatim or env."
  }

  validation {
    condition     = contains(["none", "keep", "strip"], lookup(var.settings, "SYNC_STAGE_PREFIXES", "none"))
    error_message = "SYNC_STAGE_PREFIXES is none, keep or strip."
  }

  validation {
    condition     = contains(["drop", "keep"], lookup(var.settings, "SYNC_CHAIN_ROOT", "drop"))
    error_message = "SYNC_CHAIN_ROOT is drop or keep."
  }

  validation {
    condition     = contains(["any", "root-only"], lookup(var.settings, "SYNC_CHAIN_CA", "any"))
    error_message = "SYNC_CHAIN_CA is any or root-only."
  }

  validation {
    condition     = contains(["wait", "ignore"], lookup(var.settings, "SYNC_NOT_BEFORE", "wait"))
    error_message = "SYNC_NOT_BEFORE is wait or ignore."
  }

  validation {
    condition     = contains(["keep", "remove"], lookup(var.settings, "SYNC_EXPIRED", "keep"))
    error_message = "SYNC_EXPIRED is keep or remove."
  }

  validation {
    condition     = contains(["false", "true"], lookup(var.settings, "SYNC_REGISTRY_IDENTITY_TOKENS", "false"))
    error_message = "SYNC_REGISTRY_IDENTITY_TOKENS is false or true."
  }

  validation {
    condition     = contains(["off", "annotated", "all"], lookup(var.settings, "SYNC_RESTART", "off"))
    error_message = "SYNC_RESTART is off, annotated or all."
  }
}

variable "network" {
  description = <<-EOT
    The virtual network to run in; null: public.
    subnet_id: the subnet that the app goes out through, delegated to Microsoft.App/environments. private_endpoint_subnet_id: that of the storage account's private endpoint.
    blob_dns_zone_id: the private DNS zone for blobs; left out: a zone is made and linked to the network.
    linked_dns_zone_ids: other private DNS zones to link to the network, such as a private AKS cluster's.
    addresses: public IPv4 ranges that the app goes out by, such as its NAT gateway's, for the firewalls of projects' vaults. Empty: the app reaches these by private endpoints.
  EOT
  type = object({
    subnet_id                  = string
    private_endpoint_subnet_id = string
    blob_dns_zone_id           = optional(string)
    linked_dns_zone_ids        = optional(list(string), [])
    addresses                  = optional(list(string), [])
  })
  default = null

  validation {
    condition = var.network == null || alltrue([
      for id in [try(var.network.subnet_id, ""), try(var.network.private_endpoint_subnet_id, "")] :
      can(regex("(?i)^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\\.Network/virtualNetworks/[^/]+/subnets/[^/]+$", id))
    ])
    error_message = "subnet_id and private_endpoint_subnet_id are resource ids: /subscriptions/…/providers/Microsoft.Network/virtualNetworks/NETWORK/subnets/SUBNET."
  }

  validation {
    condition     = !strcontains(element(split("/", try(var.network.subnet_id, "")), -1), "_")
    error_message = "The name of the subnet has an underscore, with which Flex Consumption takes no subnet: give another as subnet_id."
  }

  validation {
    condition     = var.network == null || lower(try(var.network.subnet_id, "")) != lower(try(var.network.private_endpoint_subnet_id, ""))
    error_message = "subnet_id and private_endpoint_subnet_id are one subnet: that of the app is for the app alone."
  }

  validation {
    condition = alltrue([
      for id in concat(try(compact([var.network.blob_dns_zone_id]), []), try(var.network.linked_dns_zone_ids, [])) :
      can(regex("(?i)^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\\.Network/privateDnsZones/[^/]+$", id))
    ])
    error_message = "blob_dns_zone_id and linked_dns_zone_ids are resource ids: /subscriptions/…/providers/Microsoft.Network/privateDnsZones/ZONE."
  }

  validation {
    condition = alltrue([
      for range in try(var.network.addresses, []) : can(cidrhost(strcontains(range, "/") ? range : "${range}/32", 0)) && !strcontains(range, ":")
    ])
    error_message = "addresses has public IPv4 addresses and ranges, such as 198.51.100.7."
  }
}

variable "zone_redundant" {
  description = "Whether plan and storage span availability zones."
  type        = bool
  default     = false
  nullable    = false
}

variable "always_ready" {
  description = "Instances that are always ready for events, resync and status; with zone_redundant none or at least 2."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.always_ready >= 0 && floor(var.always_ready) == var.always_ready
    error_message = "always_ready is a whole number, 0 or more."
  }

  validation {
    condition     = !(var.zone_redundant && var.always_ready == 1)
    error_message = "With zone_redundant, always_ready is 0 or at least 2: one instance is in one zone."
  }
}

variable "per_instance_concurrency" {
  description = "Concurrent events and requests of one instance, at most what host.json allows."
  type        = number
  default     = 200
  nullable    = false

  validation {
    condition     = var.per_instance_concurrency >= 1 && var.per_instance_concurrency <= 1000 && floor(var.per_instance_concurrency) == var.per_instance_concurrency
    error_message = "per_instance_concurrency is a whole number, 1 to 1000."
  }
}

variable "maximum_instances" {
  description = "Instances at most."
  type        = number
  default     = 40
  nullable    = false

  validation {
    condition     = var.maximum_instances >= 1 && var.maximum_instances <= 1000 && floor(var.maximum_instances) == var.maximum_instances
    error_message = "maximum_instances is a whole number, 1 to 1000."
  }
}

variable "instance_memory" {
  description = "Memory of an instance in MB."
  type        = number
  default     = 2048
  nullable    = false

  validation {
    condition     = contains([512, 2048, 4096], var.instance_memory)
    error_message = "instance_memory is 512, 2048 or 4096."
  }
}

variable "alert_receivers" {
  description = <<-EOT
    Who is told of alerts; the rules exist in any case.
    emails: addresses; an action group is made for them. action_group_ids: resource ids of existing action groups.
  EOT
  type = object({
    emails           = list(string)
    action_group_ids = list(string)
  })
  default = {
    emails           = []
    action_group_ids = []
  }
  nullable = false

  validation {
    condition     = alltrue([for email in var.alert_receivers.emails : can(regex("^[^@\\s]+@[^@\\s]+$", email))])
    error_message = "emails has e-mail addresses."
  }

  validation {
    condition     = alltrue([for id in var.alert_receivers.action_group_ids : can(regex("(?i)^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\\.Insights/actionGroups/[^/]+$", id))])
    error_message = "action_group_ids has resource ids: /subscriptions/…/providers/Microsoft.Insights/actionGroups/GROUP."
  }
}

variable "alert_after" {
  description = "How long a vault may stay out of step, and no pass may run, before an alert; longer than two intervals of SYNC_SCHEDULE."
  type        = string
  default     = "PT30M"
  nullable    = false

  validation {
    condition     = contains(["PT15M", "PT30M", "PT1H", "PT2H", "PT6H"], var.alert_after)
    error_message = "alert_after is PT15M, PT30M, PT1H, PT2H or PT6H."
  }
}

variable "authentication" {
  description = <<-EOT
    Microsoft Entra before resync and status; null: function keys.
    client_id: the app registration that callers get tokens for, with requestedAccessTokenVersion 2. allowed_principals: object ids of the principals that may call.
    allowed_applications: client ids of the applications that may call, beside the Azure CLI: of each service principal and managed identity too.
  EOT
  type = object({
    client_id            = string
    allowed_principals   = list(string)
    allowed_applications = optional(list(string), [])
  })
  default = null

  validation {
    condition     = var.authentication == null || can(regex("^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$", var.authentication.client_id))
    error_message = "client_id is a GUID."
  }

  validation {
    condition     = var.authentication == null || length(try(var.authentication.allowed_principals, [])) > 0
    error_message = "allowed_principals has at least one object id: an empty list would let in the whole tenant."
  }
}

variable "example_vault" {
  description = "Name of a vault to make for a first try; it is served like the others. Once deleted, its name stays taken for 90 days."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.example_vault == "" || can(regex("^[a-zA-Z](-?[a-zA-Z0-9]){2,23}$", var.example_vault)) && length(var.example_vault) <= 24
    error_message = "A vault's name has 3 to 24 letters, digits and single hyphens, and starts with a letter."
  }
}

variable "package" {
  description = "Path of the app's package, which `make package` builds."
  type        = string
  default     = "../../dist/keyvault-sync.zip"
  nullable    = false
}
