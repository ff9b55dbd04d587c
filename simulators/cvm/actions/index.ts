import type { Action } from '../call.ts';
import * as catalogue from './catalogue.ts';
import * as change from './change-instances.ts';
import * as describe from './describe-instances.ts';
import * as images from './images.ts';
import { runInstances } from './run-instances.ts';

/** The actions of version 2017-03-12 that the simulator has. */
export const ACTIONS: Readonly<Record<string, Action>> = {
  RunInstances: runInstances,
  DescribeInstances: describe.describeInstances,
  DescribeInstancesStatus: describe.describeInstancesStatus,
  DescribeInstancesAttributes: describe.describeInstancesAttributes,
  TerminateInstances: change.terminateInstances,
  StartInstances: change.startInstances,
  StopInstances: change.stopInstances,
  RebootInstances: change.rebootInstances,
  ModifyInstancesAttribute: change.modifyInstancesAttribute,
  InquiryPriceRunInstances: catalogue.inquiryPriceRunInstances,
  DescribeZoneInstanceConfigInfos: catalogue.describeZoneInstanceConfigInfos,
  DescribeInstanceTypeConfigs: catalogue.describeInstanceTypeConfigs,
  DescribeAccountQuota: catalogue.describeAccountQuota,
  DescribeZones: catalogue.describeZones,
  DescribeRegions: catalogue.describeRegions,
  DescribeImages: images.describeImages,
  CreateImage: images.createImage,
  DeleteImages: images.deleteImages,
};
