metadata description = 'The names of projects\' vaults, and what is wrong with projects and placements before anything is made.'

import { project, projectVault, vaultMap, virtualNetwork } from 'types.bicep'

@description('Whether a text is a word of a-z and 0-9.')
func isWord(text string) bool =>
  !empty(text) && empty(filter(
    range(0, length(text)),
    index => !contains('abcdefghijklmnopqrstuvwxyz0123456789', substring(text, index, 1))
  ))

@description('Whether a text is words joined by single hyphens.')
func isWords(text string) bool => empty(filter(split(text, '-'), word => !isWord(word)))

@description('Whether words are those of a name REGION-DS-AKV-PROJECT-STAGE-NUMBER, in lower case.')
func areOfNameRule(words string[]) bool =>
  length(words) > 5 && words[1] == 'ds' && words[2] == 'akv' && empty(filter(words, word => !isWord(word))) && contains(
    map(range(1, 99), number => string(number)),
    last(words)
  )

@export()
@description('The vaults of the projects, in the order of the list.')
func vaultsOf(projects project[], groupId string, location string) projectVault[] =>
  flatten(map(
    projects,
    project =>
      map(project.numbers, number => {
        name: '${project.region}-DS-AKV-${project.name}-${project.stage}-${number}'
        resourceId: '${groupId}/providers/Microsoft.KeyVault/vaults/${project.region}-DS-AKV-${project.name}-${project.stage}-${number}'
        location: project.?location ?? location
        officers: union([], project.?officers ?? [])
        readers: union([], project.?readers ?? [])
        addresses: union([], project.?addresses ?? [])
      })
  ))

@export()
@description('What is wrong with the projects, a sentence each. Names are spelt in lower case in the comparison, since Azure does not tell them apart by case.')
func projectFaults(projects project[], listed string[], inNetwork bool) string[] =>
  flatten(map(
    projects,
    project =>
      concat(
        isWords(project.name)
          ? []
          : ['The project ${project.name} is to be of a-z and 0-9, in parts joined by single hyphens.'],
        isWord(project.stage)
          ? []
          : ['The stage ${project.stage} of the project ${project.name} is to be of a-z and 0-9.'],
        isWord(project.region) && !contains('0123456789', take(project.region, 1))
          ? []
          : [
              'The region ${project.region} of the project ${project.name} is to be of a-z and 0-9, with a letter first, as names of vaults spell it.'
            ],
        map(
          filter(project.numbers, number => number < 1 || number > 99),
          number => 'The number ${number} of the project ${project.name} is not 1 to 99.'
        ),
        length(union([], project.numbers)) == length(project.numbers)
          ? []
          : ['The project ${project.name}, stage ${project.stage}, has a number twice.'],
        map(
          filter(
            map(project.numbers, number => '${project.region}-DS-AKV-${project.name}-${project.stage}-${number}'),
            name => length(name) > 24
          ),
          name =>
            'The name ${name} has ${length(name)} characters and a vault\'s has 24 at most: shorten the project, the stage or the region.'
        ),
        map(
          filter(
            map(project.numbers, number => '${project.region}-DS-AKV-${project.name}-${project.stage}-${number}'),
            name => contains(map(listed, other => toLower(other)), toLower(name))
          ),
          name => 'The vault ${name} stands in vaults or is exampleVault, and is a project\'s as well: leave it in one.'
        ),
        empty(project.?addresses) || inNetwork
          ? []
          : [
              'The project ${project.name} has addresses, so its vaults have a firewall, which the app passes from a network only: give network, with its addresses unless private endpoints lead to the vaults.'
            ]
      )
  ))

@export()
@description('The names that two entries of the projects make, a sentence each.')
func sharedNames(projects project[]) string[] =>
  map(
    filter(
      items(groupBy(
        flatten(map(
          projects,
          project =>
            map(
              union([], project.numbers),
              number => '${project.region}-DS-AKV-${project.name}-${project.stage}-${number}'
            )
        )),
        name => toLower(name)
      )),
      group => length(group.value) > 1
    ),
    group =>
      'Two entries of projects make the vault ${first(group.value)}: give each its own name, stage, region or numbers.'
  )

@export()
@description('What is wrong with the vaults\' placements, a sentence each; named is whether the names alone have to say where vaults go, but for their placements.')
func placementFaults(vaults vaultMap, named bool) string[] =>
  map(
    filter(
      items(vaults),
      vault =>
        named && !areOfNameRule(split(toLower(vault.key), '-')) && (empty(vault.value.?placements) || !empty(filter(
          vault.value.?placements ?? [],
          placement => empty(placement.?project) || empty(placement.?stage)
        )))
    ),
    vault =>
      'The name of the vault ${vault.key} is not REGION-DS-AKV-PROJECT-STAGE-NUMBER: give it placements, each with project and stage.'
  )

@export()
@description('The names that lead to one Secret, a sentence for each: those of one project, stage and number.')
func sharedSecrets(names string[]) string[] =>
  map(
    filter(
      items(groupBy(
        filter(names, name => areOfNameRule(split(toLower(name), '-'))),
        name => join(skip(split(toLower(name), '-'), 3), '-')
      )),
      group => length(group.value) > 1
    ),
    group =>
      'The vaults ${join(group.value, ' and ')} are of one project, stage and number, so of one Secret: give each a number of its own, or placements, or tell their regions apart by SYNC_NAMESPACE or the clusters.'
  )

@export()
@description('What is wrong with the network, a sentence each.')
func networkFaults(network virtualNetwork?) string[] =>
  concat(
    contains(last(split(network.?subnetId ?? '', '/')), '_')
      ? [
          'The name of the subnet ${last(split(network.?subnetId ?? '', '/'))} has an underscore, with which Flex Consumption takes no subnet: give another as subnetId.'
        ]
      : [],
    network != null && toLower(network.?subnetId ?? '') == toLower(network.?privateEndpointSubnetId ?? '')
      ? ['subnetId and privateEndpointSubnetId are one subnet: that of the app is for the app alone.']
      : []
  )
